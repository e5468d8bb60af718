/**
 * Live figures of a page whose worker answers when the test says so: what Stop, Back, a link and a second figure do to a run.
 */
// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from "vitest";
import { give, giveAgain } from "../../site/live/given.ts";
import type { Answer, Ask } from "../../site/live/messages.ts";
import { controlsHtml } from "../../src/notebook/render/controls.ts";
import { exportsHtml } from "../../src/notebook/render/exports.ts";

const needs = vi.hoisted((): { inputs: string[] } => ({ inputs: [] }));
vi.mock("../../site/live/draw.ts", () => ({
  inputsOf: () => needs.inputs,
  checkParams: () => {},
  draw: (_id: string, { title }: { title: string }) => ({
    ...{ title, caption: "", alt: "", wide: title, narrow: title, table: "", stamp: "", source: "s" },
    files: { svg: "", csv: "", txt: "" },
  }),
}));

class StubWorker {
  static all: StubWorker[] = [];
  onmessage: ((event: { data: Answer }) => void) | undefined;
  onerror: ((event: { message: string }) => void) | undefined;
  asked: Ask[] = [];
  ended = false;
  constructor() {
    StubWorker.all.push(this);
  }
  postMessage(ask: Ask) {
    this.asked.push(ask);
  }
  terminate() {
    this.ended = true;
  }
  /** Answers the last question by the value that it was asked with. */
  answer() {
    this.onmessage!({ data: { type: "result", result: { title: `n = ${this.asked.at(-1)!.params.n}` } as never } });
  }
}
vi.stubGlobal("Worker", StubWorker);
await import("../../site/live/element.ts");

const live = () => StubWorker.all.filter(({ ended, asked }) => !ended && asked.length > 0);
const asked = () => StubWorker.all.flatMap((worker) => worker.asked.map(({ params }) => params.n));
const settled = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

const specs = { n: { kind: "range", label: "n", min: 0, max: 9, step: 1, default: 1 } } as const;
const figureHtml = (number: number) =>
  `<ptlab-figure data-live="x" data-source="s"><figure id="figure-${number}"><div class="ptlab-picture ptlab-wide"></div><div class="ptlab-picture ptlab-narrow"></div>` +
  `${controlsHtml(number, specs, {})}<figcaption><a class="ptlab-number" href="#figure-${number}"></a><strong>stored</strong><span class="ptlab-caption"></span></figcaption>` +
  `<div class="ptlab-data"><div class="ptlab-scroll"></div></div>${exportsHtml([], { page: "", embed: "" })}<p class="ptlab-stamp"></p></figure></ptlab-figure>`;

/** A page with so many figures, opened by this address. */
async function open(count = 1, query = "", wrap = (html: string) => html) {
  history.replaceState(null, "", `/${query}`);
  const page = document.createElement("main");
  page.innerHTML = wrap(Array.from({ length: count }, (_, i) => figureHtml(i + 1)).join(""));
  document.body.append(page);
  await settled();
  return [...document.querySelectorAll<HTMLElement>("ptlab-figure")];
}

function move(figure: HTMLElement, value: number): void {
  const slider = figure.querySelector("input")!;
  slider.value = String(value);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}

const press = (figure: HTMLElement, action: string) =>
  figure.querySelector<HTMLButtonElement>(`[data-action="${action}"]`)!.click();
const title = (figure: HTMLElement) => figure.querySelector("strong")!.textContent;
const said = (figure: HTMLElement) => figure.querySelector(".ptlab-status")!.textContent;

/** Comes to an entry of the history, one that was shown before or one that a link to a place has just made. */
function come(query: string, wasShown: boolean): void {
  const { state } = history;
  history.replaceState(wasShown ? state : null, "", `/${query}`);
  dispatchEvent(new PopStateEvent("popstate", { state: history.state }));
}

afterEach(() => {
  document.body.innerHTML = "";
  // Figures that share a worker keep it.
  for (const worker of StubWorker.all) worker.asked = [];
});

test("Stop ends a run although its control has been moved again meanwhile", async () => {
  const [figure] = await open();
  move(figure!, 2);
  await settled();
  move(figure!, 3);
  press(figure!, "cancel");
  await settled(20);
  expect([asked(), live(), figure!.dataset.state]).toEqual([[2], [], "stopped"]);
  expect(said(figure!)).toMatch(/^Stopped after \d+ ms; the picture is as it was before\./);
});

test("Stop ends a run that has not yet loaded what it needs", async () => {
  const [figure] = await open();
  move(figure!, 2);
  press(figure!, "cancel");
  await settled(20);
  expect([asked(), figure!.dataset.state]).toEqual([[], "stopped"]);
  press(figure!, "cancel");
  move(figure!, 4);
  await settled();
  live()[0]!.answer();
  await settled();
  expect(title(figure!)).toBe("n = 4");
});

test("Back to the address of what is shown ends a run, and neither picture nor address follows it", async () => {
  const [figure] = await open(1, "?figure-1.n=2");
  live()[0]!.answer();
  await settled();
  move(figure!, 3);
  await settled();
  const running = live()[0]!;
  come("?figure-1.n=2", true);
  expect([running.ended, figure!.dataset.state]).toEqual([true, "live"]);
  await settled(300);
  expect([title(figure!), figure!.querySelector("input")!.value, location.search]).toEqual([
    "n = 2",
    "2",
    "?figure-1.n=2",
  ]);
});

test("Back to the address of the stored figure ends a run", async () => {
  const [figure] = await open();
  move(figure!, 3);
  await settled();
  come("", true);
  await settled(20);
  expect([live(), figure!.dataset.state, title(figure!)]).toEqual([[], "static", "stored"]);
});

test("a link to a place on the page leaves a run alone", async () => {
  const [figure] = await open();
  move(figure!, 3);
  await settled();
  come("#figure-1", false);
  live()[0]!.answer();
  await settled();
  expect(title(figure!)).toBe("n = 3");
});

test("a worker that fails is ended, and the next question goes to a new one", async () => {
  const [figure] = await open();
  move(figure!, 2);
  await settled();
  const failed = live()[0]!;
  failed.onerror!({ message: "out of memory" });
  await settled();
  expect([failed.ended, said(figure!)]).toEqual([true, "This could not be computed: out of memory "]);
  move(figure!, 3);
  await settled();
  live()[0]!.answer();
  await settled();
  expect(title(figure!)).toBe("n = 3");
});

test("a figure of the reader's own file says where one is given, asks no worker, and reads what is given then", async () => {
  needs.inputs = ["capture"];
  const [figure] = await open();
  move(figure!, 2);
  await settled();
  expect([asked(), said(figure!)]).toEqual([
    [],
    'This could not be computed: no file is given: the page "Your own process" takes one ',
  ]);
  const file = give(new File(["x"], "mine.ptt"));
  move(figure!, 3);
  await settled();
  expect(live()[0]!.asked[0]!.inputs).toEqual({ capture: file });
  giveAgain(undefined);
  needs.inputs = [];
});

const oneWorker = (html: string) => `<div data-one-worker>${html}</div>`;

test("a link with values for two figures that share a worker gets both of them", async () => {
  const figures = await open(2, "?figure-1.n=2&figure-2.n=3", oneWorker);
  live()[0]!.answer();
  live()[0]!.answer();
  await settled();
  expect(figures.map(title)).toEqual(["n = 2", "n = 3"]);
  expect(asked()).toEqual([2, 3]);
});

test.each(["cancel", "reset"])("%s of one figure leaves the run of another that shares its worker", async (action) => {
  const [one, two] = await open(2, "", oneWorker);
  move(one!, 2);
  move(two!, 3);
  await settled();
  press(two!, action);
  live()[0]!.answer();
  await settled();
  expect([title(one!), title(two!)]).toEqual(["n = 2", "stored"]);
  move(one!, 4);
  move(two!, 5);
  await settled();
  press(one!, action);
  live()[0]!.answer();
  await settled();
  expect(title(two!)).toBe("n = 5");
});
