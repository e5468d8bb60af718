import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunEffects } from "../../src/cli/notebooks.ts";
import { runCommand } from "../../src/cli/run.ts";
import { type VerifyOptions, verifyCommand } from "../../src/cli/verify.ts";
import { display } from "../../src/figure/display.ts";
import type { MimeBundle } from "../../src/notebook/format.ts";
import type { OutputEvent } from "../../src/notebook/outputs.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { groupedBars, testHost } from "../figure/samples.ts";
import { type Answers, code, notebook, prose, shows, stream } from "./builders.ts";
import { newProject, runEffects } from "./project.ts";

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
  await project.write("notebooks/010-a.ipynb", formatNotebook(notebook(prose("# A"), code("a"))));
  await project.write("notebooks/020-b.ipynb", formatNotebook(notebook(prose("# B"), code("b"), code("c"))));
});
afterEach(() => project.remove());

const read = (name: string) => readFile(join(project.root, "notebooks", name), "utf8");
const report = () => readFile(join(project.root, ".ptlab/verify.html"), "utf8");

const run = (answers: Answers = {}) => runCommand({ files: [] }, runEffects(project.root, answers).given);

async function verify(answers: Answers = {}, options: Partial<VerifyOptions> = {}, change: Partial<RunEffects> = {}) {
  const { given, said, sessions } = runEffects(project.root, answers, change);
  const status = await verifyCommand({ files: [], ...options }, given);
  return { status, ...said, sessions: sessions.length };
}

/** A cell that shows the figure of the samples, its first row replaced. */
function shownFigure(slots: number, source: string): OutputEvent {
  const host = testHost();
  const sample = groupedBars();
  const figure = groupedBars({ rows: [{ ...sample.rows[0], slots }, ...sample.rows.slice(1)] });
  const data = display(figure, { ...host, build: { ...host.build, source } });
  return {
    type: "output",
    output: {
      output_type: "execute_result",
      data: JSON.parse(JSON.stringify(data)) as MimeBundle,
      metadata: {},
      execution_count: null,
    },
  };
}
const figureOf =
  (slots: number, source = "0123456789abcdef") =>
  (emit: (event: OutputEvent) => void) =>
    void emit(shownFigure(slots, source));

describe("ptlab verify", () => {
  test("runs all notebooks, also fresh ones, finds them as stored, and writes nothing", async () => {
    await run({ b: figureOf(7) });
    const before = [await read("010-a.ipynb"), await read("020-b.ipynb")];
    const { status, out, sessions } = await verify({ b: figureOf(7) });
    expect([status, sessions]).toEqual([0, 2]);
    expect(out).toBe(
      "notebooks/010-a.ipynb: as stored (0 figures, 1 output)\nnotebooks/020-b.ipynb: as stored (1 figure, 2 outputs)\n",
    );
    expect([await read("010-a.ipynb"), await read("020-b.ipynb")]).toEqual(before);
    await expect(stat(join(project.root, ".ptlab"))).rejects.toThrow();
  });

  test("takes a figure drawn by another build as the same", async () => {
    await run({ b: figureOf(7) });
    expect((await verify({ b: figureOf(7, "fedcba9876543210") })).status).toBe(0);
  });

  test("with --stale runs only what is not fresh", async () => {
    await run();
    await project.write("notebooks/010-a.ipynb", (await read("010-a.ipynb")).replace('"a"', '"a2"'));
    const { status, out, sessions } = await verify({ a2: (emit) => void emit(stream("a\n")) }, { stale: true });
    expect([status, sessions]).toEqual([0, 1]);
    expect(out).toContain("notebooks/020-b.ipynb: fresh, not run\n");
  });

  test("names notebook, cell and figure that moved, with the changed row of both text tables on one line", async () => {
    await run({ b: figureOf(7) });
    const { status, out } = await verify({ b: figureOf(40000) });
    expect(status).toBe(1);
    expect(out).toContain(
      "notebooks/020-b.ipynb: cell 2, figure 1, Slots written by operation: changed (data, phone picture, picture, text table)\n",
    );
    expect(out).toMatch(/^ {2}fork +base pages +7 +0\.0 % *\| fork +base pages +40000 +0\.0 %$/m);
    expect(out).toContain("stored and new pictures side by side: .ptlab/verify.html\n");
  });

  test("puts the old table above the new one where the terminal is narrow", async () => {
    await run({ b: figureOf(7) });
    const { out } = await verify({ b: figureOf(40000) }, {}, { columns: 80 });
    expect(out).toMatch(/^ {2}- fork +base pages +7 +0\.0 %\n {2}\+ fork +base pages +40000 +0\.0 %$/m);
    const lines = out.split("\n").filter((line) => line.startsWith("  "));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("writes a page with both pictures that has no script and names no other host", async () => {
    await run({ b: figureOf(7) });
    await verify({ b: figureOf(40000) });
    const html = await report();
    const pictures = [...html.matchAll(/<img alt="([^"]*)" src="data:image\/svg\+xml;base64,([^"]*)"/g)];
    expect(pictures.slice(0, 2).map(([, alt]) => alt)).toEqual([
      "figure 1, Slots written by operation, stored",
      "figure 1, Slots written by operation, now",
    ]);
    const drawn = pictures.slice(0, 2).map(([, , data]) => Buffer.from(data!, "base64").toString());
    for (const svg of drawn) expect(svg).toMatch(/^<svg .*<\/svg>$/s);
    expect(drawn[0]).not.toBe(drawn[1]);
    expect(html).not.toMatch(/<script|https?:/);
    expect(html).toContain("default-src 'none'");
  });

  test("lets nothing of a notebook become part of its page but text", async () => {
    const hostile = (text: string) => (emit: (event: OutputEvent) => void) => void emit(shows(text));
    await run({ a: hostile("<script>1</script>") });
    await verify({ a: hostile('"><img src=x onerror=alert(1)>') });
    expect(await report()).not.toMatch(/<script|<img src=x/);
  });

  test("that finds no notebook has verified nothing, and says so by its status", async () => {
    await rm(join(project.root, "notebooks"), { recursive: true });
    expect(await verify()).toMatchObject({ status: 1, err: "notebooks/: there are none\n" });
  });

  test("takes an old page away when all is as stored", async () => {
    await run();
    await verify({ a: (emit) => void emit(stream("x\n")) });
    expect(await report()).toContain("<del>- a</del>");
    await verify();
    await expect(report()).rejects.toThrow("ENOENT");
  });

  test("tells a missing output from an additional one, and neither hides the others", async () => {
    const three = (...texts: string[]): Answers => ({
      a: (emit) => {
        for (const text of texts) emit(shows(text));
        return undefined;
      },
    });
    await run(three("one", "two", "three"));
    const missing = await verify(three("one", "three"));
    expect(missing.out).toContain("010-a.ipynb: cell 2, output 2: missing\n");
    expect(missing.out.match(/010-a\.ipynb/g)).toHaveLength(1);
    const additional = await verify(three("one", "two", "new", "three"));
    expect(additional.out).toContain("010-a.ipynb: cell 2, output 3: additional\n");
    expect([missing.status, additional.status]).toEqual([1, 1]);
  });

  test("fails for a notebook that was never run", async () => {
    const { status, out } = await verify();
    expect(status).toBe(1);
    expect(out).toContain("010-a.ipynb: cell 2, output 1: additional\n");
  });

  test("shows a cell that fails now beside what it gave, and goes on with the next notebook", async () => {
    await run();
    const failure = { status: "error", ename: "RangeError", evalue: "too far", traceback: ["at In[1]:2:5"] } as const;
    const { status, out, err } = await verify({ a: () => failure });
    expect(status).toBe(1);
    expect(err).toBe("notebooks/010-a.ipynb: cell 2, line 2: RangeError: too far\n");
    expect(out).toContain("010-a.ipynb: cell 2, output 1: changed");
    expect(out).toMatch(/^ {2}a +\| RangeError: too far$/m);
    expect(out).toContain("notebooks/020-b.ipynb: as stored");
  });

  test("fails if a source was saved meanwhile, because nobody knows which one ran", async () => {
    await run();
    const save = () => project.write("src/mmu/tlb.ts", `export const now = ${Math.random()};\n`);
    const slow = { a: (emit: (e: OutputEvent) => void) => void emit(stream("a\n")) };
    const { given, said } = runEffects(project.root, slow);
    const createSession: RunEffects["createSession"] = async (folder) => {
      const session = await given.createSession(folder);
      return { ...session, close: () => save() };
    };
    expect(await verifyCommand({ files: ["notebooks/010-a.ipynb"] }, { ...given, createSession })).toBe(1);
    expect(said.err).toContain("the sources or the data changed while it ran");
  });

  test("ends with 130 when interrupted, and starts no other notebook", async () => {
    await run();
    const abort = new AbortController();
    const stop = () => {
      abort.abort();
      return { status: "aborted" } as const;
    };
    const { status, err, sessions } = await verify({ a: stop }, {}, { signal: abort.signal });
    expect([status, sessions]).toEqual([130, 1]);
    expect(err).toContain("010-a.ipynb: interrupted");
  });

  test("shows its progress on a terminal and clears it away", async () => {
    await run();
    const { err } = await verify({}, {}, { terminal: true });
    expect(err).toContain("020-b [");
    expect(err.endsWith("\r\x1b[K")).toBe(true);
  });
});
