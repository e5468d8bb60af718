/**
 * The cells of a page together: what runs before what, what is said of it, what is kept.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { RunCell } from "../../../site/cells/messages.ts";
import type { PageNotebook } from "../../../site/cells/page/notebook.ts";
import { display } from "../../../src/figure/display.ts";
import type { MimeBundle, NbOutput, Notebook } from "../../../src/notebook/format.ts";
import type { OutputEvent } from "../../../src/notebook/outputs.ts";
import { groupedBars, testHost } from "../../figure/samples.ts";
import { code, notebook, prose } from "../../notebook/builders.ts";
import { type Kernel, openPage, type Page, type Surroundings, text } from "./page.ts";

/** The editor needs a browser; what a reader writes into it is all that counts here. */
const editors = vi.hoisted(() => new Map<number, (text: string) => void>());
vi.mock("../../../site/cells/page/editor.ts", () => ({
  openEditor(parent: HTMLElement, number: number, _text: string, { changed }: { changed(text: string): void }) {
    editors.set(number, changed);
    const element = parent.ownerDocument.createElement("div");
    parent.append(element);
    return { element, focus: () => {}, extend: () => {} };
  },
}));
vi.mock("../../../site/types/editor.ts", () => ({ typedEditor: () => [] }));

const saved = vi.hoisted((): { file?: Blob } => ({}));
vi.mock("../../../site/live/save.ts", () => ({ save: (_: string, file: Blob) => Object.assign(saved, { file }) }));

afterEach(() => {
  vi.unstubAllGlobals();
  editors.clear();
});

const shows = (output: NbOutput) => ({ type: "output", output }) as const;

/** Notes what ran in the present worker, and shows it. */
function noting() {
  const ran: string[] = [];
  const kernel: Kernel = (cell, tell) => {
    ran.push(cell.code);
    tell({ type: "output", count: cell.count, event: shows(text(`after ${ran.join("; ")}`)) });
    tell({ type: "end", count: cell.count, isError: false });
  };
  return { ran, kernel };
}

/** A page whose cells are noted as they run. */
async function opened(nb: Notebook, surroundings: Partial<Surroundings> = {}) {
  const { ran, kernel } = noting();
  const page = await openPage(nb, { kernel, ...surroundings });
  return { ran, page, cells: await page.open() };
}

async function write(page: Page, number: number, code: string, cells: PageNotebook): Promise<void> {
  await cells.act(page.cell(number), "edit");
  editors.get(number)!(code);
}

const CHAIN = notebook(code("const n = 1"), code("const m = n * 2"), code("m"));

describe("a run", () => {
  test("runs all cells again that saw what an edited cell above has made", async () => {
    const { ran, page, cells } = await opened(CHAIN);
    await cells.act(page.cell(3), "run");
    await write(page, 1, "const n = 5", cells);
    await cells.act(page.cell(3), "run");
    expect(ran.slice(3)).toEqual(["const n = 5", "const m = n * 2", "m"]);
    expect(page.document.querySelectorAll("[data-stale]").length).toBe(0);
  });

  test("of a cell makes those below run again before another that needs them", async () => {
    const { ran, page, cells } = await opened(CHAIN);
    await cells.act(page.cell(3), "run");
    await write(page, 1, "const n = 5", cells);
    await cells.act(page.cell(1), "run");
    await cells.act(page.cell(3), "run");
    expect(ran.slice(3)).toEqual(["const n = 5", "const m = n * 2", "m"]);
  });

  test("runs again nothing that is as it ran", async () => {
    const { ran, page, cells } = await opened(CHAIN);
    for (const number of [1, 2, 3, 3]) await cells.act(page.cell(number), "run");
    expect(ran).toEqual(["const n = 1", "const m = n * 2", "m", "m"]);
  });

  test("is marked as older when a cell above was written anew while it ran", async () => {
    const running: (() => void)[] = [];
    const kernel: Kernel = ({ count }, tell) => running.push(() => tell({ type: "end", count, isError: false }));
    const page = await openPage(CHAIN, { kernel });
    const cells = await page.open();
    const run = cells.act(page.cell(2), "run");
    await vi.waitFor(() => expect(running.length).toBe(1));
    await write(page, 1, "const n = 5", cells);
    running[0]!();
    await vi.waitFor(() => expect(running.length).toBe(2));
    running[1]!();
    await run;
    expect(page.cell(1).hasAttribute("data-stale")).toBe(true);
    expect(page.cell(2).hasAttribute("data-stale")).toBe(true);
  });

  test("that is stopped while types are checked does not begin, and the next begins with the first cell", async () => {
    const answer = Promise.withResolvers<unknown>();
    const { ran, page, cells } = await opened(CHAIN, { check: () => answer.promise });
    await cells.act(page.cell(2), "run");
    await write(page, 3, "m + 1", cells);
    const run = cells.act(page.cell(3), "run");
    await cells.act(page.cell(3), "stop");
    await run;
    expect(page.status(3)).toMatch(/^Stopped/);
    answer.resolve([]);
    await cells.act(page.cell(3), "run");
    expect(ran.slice(2)).toEqual(["const n = 1", "const m = n * 2", "m + 1"]);
  });
});

describe("late outputs", () => {
  test("of two cells are both shown", async () => {
    const running = new Map<number, (shown: string) => void>();
    const kernel: Kernel = ({ count }, tell) => {
      running.set(count, (shown) => tell({ type: "output", count, event: shows(text(shown)) }));
      tell({ type: "end", count, isError: false });
    };
    const page = await openPage(CHAIN, { kernel });
    const cells = await page.open();
    for (const number of [1, 2]) await cells.act(page.cell(number), "run");
    running.get(1)!("late one");
    running.get(2)!("late two");
    await vi.waitFor(() => expect([page.outputs(1), page.outputs(2)]).toEqual(["late one", "late two"]));
    running.get(1)!("later");
    await cells.act(page.cell(3), "run");
    await vi.waitFor(() => expect(page.outputs(1)).toContain("later"));
  });

  /** Cells that show `first` under one name, and what tells another output of theirs. */
  async function shownUnderName(nb: Notebook) {
    const tells: ((event: OutputEvent) => void)[] = [];
    const kernel: Kernel = ({ count }, tell) => {
      tells[count] = (event) => tell({ type: "output", count, event });
      tells[count]({ ...shows(text(`first ${count}`)), displayId: "name" });
      tell({ type: "end", count, isError: false });
    };
    const page = await openPage(nb, { kernel });
    const cells = await page.open();
    await cells.act(page.cell(2), "run");
    const update = (shown: string) =>
      tells[2]!({ type: "update", displayId: "name", data: { "text/plain": shown }, metadata: {} });
    return { page, cells, update, tells };
  }

  test("that replace a display are shown wherever it stands, but in a cell that was not run", async () => {
    const { page, update } = await shownUnderName(
      notebook(code("one"), code("two"), code("three", { outputs: [text("stored")] })),
    );
    expect([page.outputs(1), page.outputs(2)]).toEqual(["first 1", "first 2"]);
    update("replaced");
    await vi.waitFor(() => expect([page.outputs(1), page.outputs(2)]).toEqual(["replaced", "replaced"]));
    expect(page.outputs(3)).toBe("stored");
  });

  test("of a cell that was reset are not shown, until it is run again", async () => {
    const { page, cells, update, tells } = await shownUnderName(
      notebook(code("one", { outputs: [text("stored")] }), code("two")),
    );
    tells[1]!(shows(text("was to be shown soon")));
    await cells.act(page.cell(1), "reset");
    update("replaced");
    tells[1]!(shows(text("later")));
    await vi.waitFor(() => expect(page.outputs(2)).toBe("replaced"));
    expect(page.outputs(1)).toBe("stored");
    await cells.act(page.cell(1), "run");
    expect(page.outputs(1)).toBe("first 1");
  });

  test("of a cell that is reset while it runs are not shown", async () => {
    const ends: (() => void)[] = [];
    const kernel: Kernel = ({ count }, tell) => {
      ends.push(() => {
        tell({ type: "output", count, event: shows(text("new")) });
        tell({ type: "end", count, isError: false });
      });
    };
    const page = await openPage(notebook(code("one", { outputs: [text("stored")] })), { kernel });
    const cells = await page.open();
    const run = cells.act(page.cell(1), "run");
    await vi.waitFor(() => expect(ends.length).toBe(1));
    await cells.act(page.cell(1), "reset");
    ends[0]!();
    await run;
    expect([page.outputs(1), page.status(1)]).toEqual(["stored", "The stored cell is shown again."]);
    expect(page.document.querySelectorAll("[data-stale]").length).toBe(0);
  });
});

describe("the code of a cell", () => {
  const sources = ["// src/walk.ts\nconst a = 1;", "\n\nconst b = `x  \n  `;\t", "", "   \n", "a + b.length  "];
  const nb: Notebook = notebook(prose("Text."), ...sources.map((source) => code(source)));

  test("is that of the notebook to the last blank, in the page and in the file that it gives", async () => {
    const { ran, page, cells } = await opened(nb);
    await cells.act(page.cell(3), "run");
    expect(ran).toEqual([sources[0], sources[1], sources[4]]);
    await write(page, 3, "b", cells);
    cells.actOnAll("jupyter");
    const { cells: given } = JSON.parse(await saved.file!.text());
    const joined = given.map(({ source }: { source: string | string[] }) => [source].flat().join(""));
    expect(joined).toEqual(["Text.", ...sources.slice(0, 4), "b"]);
  });
});

describe("a cell that prose makes up", () => {
  const FAKE =
    '<div class="ptlab-cell" data-code-cell="1"><div class="ptlab-code"><button data-code="evil()">Copy</button></div><div class="ptlab-cell-bar"><span class="ptlab-cell-status"></span></div></div>';

  test.each([
    ["a markdown cell", notebook(prose(FAKE), code("real()"))],
    ["an output", notebook(code("real()", { outputs: [{ ...text(""), data: { "text/html": FAKE } } as NbOutput] }))],
  ])("in %s is none", async (_, nb) => {
    const { ran, page, cells } = await opened(nb);
    expect(page.document.querySelectorAll("[data-code-cell]").length).toBe(1);
    await cells.act(page.document.querySelector<HTMLElement>("[data-code-cell]")!, "run");
    expect(ran).toEqual(["real()"]);
  });
});

describe("new figures", () => {
  const bundle = (title: string): MimeBundle =>
    JSON.parse(JSON.stringify(display({ ...groupedBars(), title }, testHost())));
  const figure = (title: string): NbOutput => ({ output_type: "display_data", data: bundle(title), metadata: {} });
  const nb = notebook(
    code("one", { outputs: [figure("First")] }),
    code("two", { outputs: [figure("Second"), figure("Third")] }),
    code("three"),
  );
  const show = (answers: Readonly<Record<string, readonly NbOutput[]>>): Kernel => {
    return ({ code: source, count }: RunCell, tell) => {
      for (const output of answers[source] ?? []) tell({ type: "output", count, event: shows(output) });
      tell({ type: "end", count, isError: false });
    };
  };
  const idsOf = (page: Page) => [...page.document.querySelectorAll("figure")].map(({ id }) => id);

  test("have numbers of their own, the same when they are shown again", async () => {
    const answers = { one: [figure("First")], two: [figure("Third"), figure("A"), figure("B")], three: [figure("C")] };
    const page = await openPage(nb, { kernel: show(answers) });
    const cells = await page.open();
    for (const _ of [1, 2]) {
      await cells.act(page.cell(2), "run");
      expect(idsOf(page)).toEqual(["figure-1", "figure-3", "figure-2", "figure-4"]);
    }
    await cells.act(page.cell(3), "run");
    expect(idsOf(page)).toEqual(["figure-1", "figure-3", "figure-2", "figure-4", "figure-5"]);
  });

  test("take the anchors of the figures whose places they take, which links of the page lead to", async () => {
    const answers = { two: [figure("Renamed"), figure("Third"), figure("More")] };
    const page = await openPage(nb, { kernel: show(answers) });
    const cells = await page.open();
    const labels = () => [...page.document.querySelectorAll('span[id^="fig-"]')].map(({ id }) => id);
    expect(labels()).toEqual(["fig-first", "fig-second", "fig-third"]);
    await cells.act(page.cell(2), "run");
    expect(labels()).toEqual(["fig-second", "fig-third"]);
    expect(page.document.querySelector("#fig-second")!.closest("figure")!.textContent).toContain("Renamed");
    expect(page.document.querySelector("#fig-second")!.closest("figure")!.id).toBe("figure-2");
  });

  test("offer files of their own, which are freed with them", async () => {
    const made: string[] = [];
    const freed: string[] = [];
    vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
      made.push(`blob:${made.length}`);
      return made.at(-1)!;
    });
    vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => void freed.push(url));
    const page = await openPage(nb, { kernel: show({ three: [figure("C")] }) });
    const cells = await page.open();
    await cells.act(page.cell(3), "run");
    const links = () =>
      [...page.cell(3).querySelectorAll("a[download]")].map((link) => link.getAttribute("href")).sort();
    expect(links()).toEqual(made);
    const count = made.length;
    await cells.act(page.cell(3), "run");
    expect([links(), made.length, freed]).toEqual([made, count, []]);
    await cells.act(page.cell(3), "reset");
    expect(freed.sort()).toEqual(made);
    vi.restoreAllMocks();
  });
});

describe("edits", () => {
  const kept = () => sessionStorage.getItem("ptlab-cells:/notebooks/x/");
  const edited = async (page: Page) => {
    await page.open();
    await new Promise((done) => setTimeout(done));
    return [...editors.keys()];
  };

  test("are there again with the code that they were made of, and not in another cell", async () => {
    const { kernel } = noting();
    const page = await openPage(CHAIN, { kernel });
    await write(page, 2, "const m = 7", await page.open());
    const stored = kept()!;
    editors.clear();
    expect(await edited(page)).toEqual([2]);
    editors.clear();
    const changed = await openPage(notebook(prose("New."), code("first"), ...CHAIN.cells), { kernel });
    sessionStorage.setItem("ptlab-cells:/notebooks/x/", stored);
    expect(await edited(changed)).toEqual([]);
  });

  test.each(["{", "null", "7", '{"0":"code"}', '{"0":null}'])("that are kept as %s are none", async (value) => {
    const page = await openPage(CHAIN, noting());
    sessionStorage.setItem("ptlab-cells:/notebooks/x/", value);
    expect(await edited(page)).toEqual([]);
  });

  test("are made where the browser keeps nothing", async () => {
    const refuse = () => {
      throw new DOMException("denied", "SecurityError");
    };
    const { ran, kernel } = noting();
    const sessionStorage = { getItem: refuse, setItem: refuse, removeItem: refuse };
    const page = await openPage(CHAIN, { kernel, sessionStorage });
    const cells = await page.open();
    await write(page, 1, "const n = 5", cells);
    await cells.act(page.cell(1), "run");
    expect(ran).toEqual(["const n = 5"]);
  });
});

describe("a page that cannot be loaded", () => {
  test("is told in the cell, and loaded at the next press", async () => {
    const { ran, kernel } = noting();
    let isOffline = true;
    const page = await openPage(CHAIN, { kernel });
    const online = fetch;
    vi.stubGlobal("fetch", (address: string) =>
      isOffline ? Promise.reject(new TypeError("Failed to fetch")) : online(address),
    );
    vi.stubGlobal("Element", (page.document.defaultView as unknown as { Element: unknown }).Element);
    vi.resetModules();
    await import("../../../site/cells/stub.ts");
    const press = () => page.cell(1).querySelector<HTMLElement>('[data-cell="run"]')!.click();
    press();
    await vi.waitFor(() =>
      expect(page.status(1)).toBe("That did not work: Failed to fetch. Press again to try it again."),
    );
    isOffline = false;
    press();
    await vi.waitFor(() => expect(page.status(1)).toMatch(/^Run on/));
    expect(ran).toEqual(["const n = 1"]);
  });

  test("is not taken for cells when the site answers with something else", async () => {
    const fetch = async () => new Response("Not here", { status: 404 });
    const page = await openPage(CHAIN, { ...noting(), fetch });
    await expect(page.open()).rejects.toThrow("cannot be read: 404");
  });
});
