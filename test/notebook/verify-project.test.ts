/**
 * The whole way once, with sessions as they are: a project of two files and one figure, whose simulator is edited.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { RunEffects } from "../../src/cli/notebooks.ts";
import { runCommand } from "../../src/cli/run.ts";
import { verifyCommand } from "../../src/cli/verify.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { code, notebook, prose } from "./builders.ts";
import { newProject, runEffects } from "./project.ts";

const FIGURE = `import { figure } from "ptlab";
import { misses } from "./sweep.ts";

figure({
  title: "Misses by ways",
  caption: "A made-up simulator.",
  alt: "A line that falls.",
  better: "fewer misses",
  columns: [
    { key: "ways", label: "Ways", definition: "Ways of a set.", role: "parameter" },
    { key: "misses", label: "Misses", definition: "Lookups that miss.", basis: "counted" },
  ],
  rows: [1, 2, 4, 8].map((ways) => ({ ways, misses: misses(ways) })),
  origin: { designs: ["set"], workload: "none", params: {}, seed: null, input: null },
  plot: (Plot, frame) => ({
    marks: [Plot.lineY(frame.rows, { x: "ways", y: "misses" })],
    x: frame.axis("ways"),
    y: frame.axis("misses"),
  }),
});`;

const simulator = (lookups: number, comment = "") =>
  `${comment}export const missesOf = (ways: number): number => ${lookups} / ways;\n`;

// Each session loads a compiler, and there may be four in a test on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

let project: Awaited<ReturnType<typeof newProject>>;
let said = { out: "", err: "" };
beforeAll(async () => {
  project = await newProject();
  await project.write("package.json", '{"version":"1.2.3","type":"module"}');
  await project.write("src/mmu/tlb.ts", simulator(4096));
  await project.write(
    "notebooks/sweep.ts",
    'import { missesOf } from "../src/mmu/tlb.ts";\nexport const misses = missesOf;\n',
  );
  await project.write("notebooks/010-a.ipynb", formatNotebook(notebook(prose("# Misses"), code(FIGURE))));
});
afterAll(() => project.remove());

function effects(): RunEffects {
  const made = runEffects(project.root, {}, { createSession: startSession });
  said = made.said;
  return made.given;
}

const run = () => runCommand({ files: [] }, effects());
const verify = () => verifyCommand({ files: [] }, effects());
const stored = () => readFile(join(project.root, "notebooks/010-a.ipynb"), "utf8");

test("a figure is stored once and is then what its code draws", async () => {
  expect([await run(), said.err]).toEqual([0, ""]);
  expect([await verify(), said.out]).toEqual([0, "notebooks/010-a.ipynb: as stored (1 figure, 1 output)\n"]);
});

test("a comment in the simulator makes it stale, and verified", async () => {
  await project.write("src/mmu/tlb.ts", simulator(4096, "// why\n"));
  expect(await verify()).toBe(0);
  await run();
  expect(said.out).toBe("notebooks/010-a.ipynb: 1 cell run\n");
});

test("a new sentence in the prose runs nothing", async () => {
  await project.write("notebooks/010-a.ipynb", (await stored()).replace("# Misses", "# Misses of a TLB"));
  await run();
  expect(said.out).toBe("notebooks/010-a.ipynb: fresh\n");
});

test("a change of the simulator that moves the figure fails, with the row of both tables and both pictures", async () => {
  await project.write("src/mmu/tlb.ts", simulator(4000));
  expect(await verify()).toBe(1);
  expect(said.out).toContain(
    "010-a.ipynb: cell 2, figure 1, Misses by ways: changed (data, phone picture, picture, text table)\n",
  );
  expect(said.out).toMatch(/^ {2}\s*8 +512 +\| +8 +500$/m);
  const report = await readFile(join(project.root, ".ptlab/verify.html"), "utf8");
  expect(report).toContain('alt="figure 1, Misses by ways, stored" src="data:image/svg+xml;base64,');
  expect(report).toContain('alt="figure 1, Misses by ways, now" src="data:image/svg+xml;base64,');
});

test("after the new one is stored, a change of a file that only an imported file imports runs it again", async () => {
  await run();
  await run();
  expect(said.out).toBe("notebooks/010-a.ipynb: fresh\n");
  await project.write("notebooks/deep.ts", "export const twice = 2;\n");
  await project.write(
    "notebooks/sweep.ts",
    'import { missesOf } from "../src/mmu/tlb.ts";\nimport { twice } from "./deep";\nexport const misses = (w: number) => twice * missesOf(w);\n',
  );
  await run();
  expect(said.out).toBe("notebooks/010-a.ipynb: 1 cell run\n");
  await project.write("notebooks/deep.ts", "export const twice = 3;\n");
  expect(await verify()).toBe(1);
  expect(said.out).toMatch(/^ {2}\s*8 +1000 +\| +8 +1500$/m);
});

test("a cell that fails now is named, and shown beside what it gave", async () => {
  await project.write("notebooks/deep.ts", "export const twice = 2;\nthrow new RangeError('too deep');\n");
  expect(await verify()).toBe(1);
  expect(said.err).toMatch(/^notebooks\/010-a\.ipynb: cell 2.*: RangeError: too deep\n$/);
  expect(said.out).toContain("RangeError: too deep");
});
