import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readInputs } from "../../src/cli/make-figure.ts";
import { type ReproduceEffects, type ReproduceOptions, reproduceCommand } from "../../src/cli/reproduce.ts";
import { display } from "../../src/figure/display.ts";
import type { Figure } from "../../src/figure/figure.ts";
import { liveFigure } from "../../src/figure/live/index.ts";
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { LiveParams } from "../../src/figure/live.ts";
import { type Recipe, readRecipe } from "../../src/figure/recipe.ts";
import { toSvg } from "../../src/figure/render.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";
import type { MimeBundle } from "../../src/notebook/format.ts";
import type { Session } from "../../src/notebook/session.ts";
import { groupedBars, severalLines, testHost } from "../figure/samples.ts";
import { figureEffects, scratchFolder } from "./figure-effects.ts";

const file = scratchFolder();

async function run(name: string, options: ReproduceOptions = {}, change: Partial<ReproduceEffects> = {}) {
  const { effects, printed } = figureEffects(change);
  const status = await reproduceCommand(name, options, { createSession: startSession, ...effects, ...change });
  return { status, out: printed.out };
}

/** A picture of a live figure in a file, with some of its text exchanged. */
async function picture(
  id: string,
  change: (svg: string) => string = (svg) => svg,
  params: LiveParams = {},
): Promise<string> {
  const live = liveFigure(id);
  const inputs = await readInputs(live, params, { root: PROJECT_ROOT, given: [] });
  writeFileSync(file("a.svg"), change(toSvg(await live.make(params, inputs), testHost())));
  return file("a.svg");
}

const withRecipe = (change: (recipe: Recipe) => object) => (svg: string) =>
  svg.replace(/<metadata>.*<\/metadata>/s, () => {
    const text = JSON.stringify({ ...readRecipe(svg), ...change(readRecipe(svg)) });
    return `<metadata>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</metadata>`;
  });

test("a picture is made again from its file alone, and matches", async () => {
  const { status, out } = await run(await picture("folio-order", (svg) => svg, { seed: 7 }));
  expect(out).toMatch(
    /^ptlab 0\.0\.0, source 0123456789abcdef \(as this build\)\nspec [0-9a-f]{16}, seed 7, 680 pixels wide\nlive figure folio-order: .*seed=7.*\nmatches\n$/,
  );
  expect(status).toBe(0);
});

test("its inputs are found by name and checked by digest", async () => {
  const name = await picture("miss-curve");
  const { status, out } = await run(name);
  const { live } = readRecipe(readFileSync(name, "utf8"));
  expect(out).toContain(`input python.ptt ${live!.inputs["python.ptt"]}\n`);
  expect(status).toBe(0);
  const other = file("python.ptt");
  writeFileSync(other, readFileSync(`${PROJECT_ROOT}/notebooks/data/sort.ptt`));
  await expect(run(name, { input: [other] })).rejects.toThrow(
    /^python\.ptt has the digest [0-9a-f]{16}, the figure was made from [0-9a-f]{16}: --input gives another file$/,
  );
});

test("a picture of a reader's own process is made again from the file, whatever its name, and from no other", async () => {
  const live = liveFigure("process-content");
  const own = { capture: OWN_CAPTURE.choice };
  const bytes = readFileSync(`${PROJECT_ROOT}/notebooks/data/python-sqlite.json.gz`);
  const made = await live.make(own, { [OWN_CAPTURE.input]: new Uint8Array(bytes) });
  writeFileSync(file("a.svg"), toSvg(made, testHost()));
  writeFileSync(file("mine.json.gz"), bytes);
  expect((await run(file("a.svg"), { input: [file("mine.json.gz")] })).out).toMatch(/\nmatches\n$/);
  const other = `${PROJECT_ROOT}/notebooks/data/node-json.json.gz`;
  await expect(run(file("a.svg"), { input: [other] })).rejects.toThrow(/^capture has the digest/);
});

test("one digit changed in the picture is found and shown", async () => {
  const { status, out } = await run(
    await picture("entry-costs", (svg) => svg.replace(/<text([^>]*)>(\d+)</, "<text$1>1$2<")),
  );
  expect(status).toBe(1);
  expect(out).toMatch(/\ndiffers\n {2}picture, line \d+\n {4}was .*>1(\d+)<.*\n {4}is {2}.*>\1<.*\n$/);
});

test("a picture that is cut off after its recipe differs where it ends", async () => {
  const { status, out } = await run(await picture("entry-costs", (svg) => svg.slice(0, -20)));
  expect([status, out]).toEqual([1, expect.stringContaining("\ndiffers\n  picture, line ")]);
});

test("another parameter in the recipe gives other data, both digests, and the new table", async () => {
  const name = await picture(
    "folio-order",
    withRecipe(({ live }) => ({ live: { ...live, params: { ...live!.params, seed: 2 } } })),
  );
  const { status, out } = await run(name, { out: file("new.svg") });
  expect(status).toBe(1);
  expect(out).toMatch(/\n {2}data\n {4}was "[0-9a-f]{16}"\n {4}is {2}"[0-9a-f]{16}"\n/);
  expect(out).toMatch(/\n {2}seed\n {4}was 1\n {4}is {2}2\n/);
  expect(out).toContain("\nas made now:\n\nBetter: fewer misses\n");
  expect(await run(file("new.svg"))).toMatchObject({ status: 0 });
});

test("what the recipe says of the workload is compared too", async () => {
  const { status, out } = await run(
    await picture(
      "entry-costs",
      withRecipe(() => ({ workload: "twice as much" })),
    ),
  );
  expect(status).toBe(1);
  expect(out).toContain('  workload\n    was "twice as much"\n');
});

test("a figure of an older source says so, and matches if it comes out the same", async () => {
  const { status, out } = await run(
    await picture(
      "entry-costs",
      withRecipe(() => ({ source: "f".repeat(16), version: "0.0.9" })),
    ),
  );
  expect(out).toContain("ptlab 0.0.9, source ffffffffffffffff (this build has 0123456789abcdef)\n");
  expect([status, out.endsWith("\nmatches\n")]).toEqual([0, true]);
});

test.each([
  ["live figure that is not there", { id: "walk-kost" }, /unknown live figure 'walk-kost'.*did you mean walk-cost/],
  ["name that speaks to the terminal", { id: "\u001b[2J" }, /unknown live figure '\ufffd\[2J'/],
  ["parameter that is not there", { params: { nono: 1 } }, /unknown parameter 'nono'/],
  ["value that is not allowed", { params: { seed: 1e9 } }, /bad seed '1000000000': 1 to 99/],
])("a recipe with a %s is refused in one line that names the file", async (_, change, message) => {
  const name = await picture(
    "folio-order",
    withRecipe(({ live }) => ({ live: { ...live, ...change } })),
  );
  await expect(run(name)).rejects.toThrow(new RegExp(`^.*a\\.svg: ${message.source}[^\n]*$`));
});

test("files that are no pictures drawn here are refused in one line, and none is read without end", async () => {
  writeFileSync(file("foreign.svg"), '<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>');
  await expect(run(file("foreign.svg"))).rejects.toThrow(/^.*foreign\.svg: this is no picture drawn by ptlab$/);
  await expect(run(file("none.svg"))).rejects.toThrow(/^cannot read .*none\.svg: no such file$/);
  await expect(run("/dev/zero")).rejects.toThrow("/dev/zero: too large for a picture: at most 4M are allowed");
});

test("an interrupt ends the work", async () => {
  const aborted = new AbortController();
  const name = await picture("walk-cost");
  setTimeout(() => aborted.abort(new Error("interrupted")), 100);
  await expect(run(name, {}, { signal: aborted.signal })).rejects.toThrow("interrupted");
});

const CELLS = [
  'import { figure } from "ptlab";\nconst powers = [1, 2, 3].map((n) => ({ n, square: n ** 2 }));',
  `figure({
  title: "Squares", caption: "Squares.", alt: "A rising line.", better: "nothing is better",
  columns: [{ key: "n", label: "n", role: "parameter", definition: "A number." },
    { key: "square", label: "square", basis: "counted", definition: "Its square." }],
  rows: powers, origin: { designs: [], workload: "squares", params: {}, seed: null, input: null },
  plot: (plot, frame) => ({ x: frame.axis("n"), y: frame.axis("square"), marks: [plot.line(frame.rows, { x: "n", y: "square" })] }),
})`,
];

/** What the last of the cells shows. */
async function shownBy(cells: readonly string[]): Promise<string> {
  const session = startSession(`${PROJECT_ROOT}/notebooks`);
  let svg = "";
  for (const cell of cells)
    await session.execute(cell, {
      onOutput: (event) => {
        if (event.type === "output" && "data" in event.output) svg = String(event.output.data["image/svg+xml"]);
      },
    });
  await session.close();
  return svg;
}

test("a figure that cells drew carries those that ended well, and is made again by them if that is asked for", {
  timeout: 180_000,
}, async () => {
  const svg = await shownBy([CELLS[0]!, "throw new Error('no part of it')", CELLS[1]!]);
  expect(readRecipe(svg).cells).toEqual(CELLS);
  writeFileSync(file("a.svg"), svg);
  const again = await run(file("a.svg"), { runCells: true });
  expect(again.out).toMatch(/\n2 cells of a notebook\nmatches\n$/);
});

/** A session whose cells show figures that were drawn before: what each shows, or that it fails. */
function sessionOf(shown: readonly (readonly Figure[] | "fails")[]): () => Session {
  return () => ({
    async execute(_, { onOutput, count }) {
      const figures = shown[count! - 1]!;
      if (figures === "fails") return { status: "error", count: count!, ename: "TypeError", evalue: "no\nno" };
      for (const one of figures) {
        const data = JSON.parse(JSON.stringify(display(one, testHost()))) as MimeBundle;
        onOutput({ type: "output", output: { output_type: "display_data", data, metadata: {} } });
      }
      return { status: "ok", count: count! };
    },
    close: async () => {},
  });
}

/** A file with a picture that two cells drew. */
function pictureOfCells(): string {
  writeFileSync(file("a.svg"), toSvg(groupedBars(), { ...testHost(), cells: ["a", "b"] }));
  return file("a.svg");
}

test("cells are not run unless that is asked for", async () => {
  const createSession = () => expect.fail("a session was opened");
  await expect(run(pictureOfCells(), {}, { createSession })).rejects.toThrow(
    /^.*a\.svg: cells of a notebook drew it, which are code: --run-cells runs them$/,
  );
});

test("of several figures that the last cell shows the nearest is compared, and those of other cells are not", async () => {
  const reproduced = (...shown: Parameters<typeof sessionOf>[0]) =>
    run(pictureOfCells(), { runCells: true }, { createSession: sessionOf(shown) });
  expect(await reproduced([], [severalLines(), groupedBars()])).toMatchObject({ status: 0 });
  expect(await reproduced([groupedBars()], [severalLines()])).toMatchObject({
    status: 1,
    out: expect.stringMatching(/\n {2}data\n[\s\S]*as made now:\n\nBetter: less time\nTime of a fork/),
  });
  await expect(reproduced([groupedBars()], [])).rejects.toThrow(/^.*a\.svg: its cells show no figure now$/);
  await expect(reproduced("fails", [])).rejects.toThrow(/^.*a\.svg: cell 1 of its recipe: TypeError: no$/);
});
