import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startCommand } from "../../src/cli/start.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { type Answers, code, notebook, stream } from "./builders.ts";
import { newProject, runEffects } from "./project.ts";

/** Stands for Astro: counts its builds, and fails where a page says so. */
const BUILDER = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
if (process.argv[2] !== "build") process.exit(9);
if (existsSync("site/page.md") && readFileSync("site/page.md", "utf8") === "broken") {
  console.error("page.md: broken");
  process.exit(1);
}
mkdirSync("dist", { recursive: true });
writeFileSync("dist/index.html", "");
appendFileSync("builds.log", "x");
`;

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
  await project.write("node_modules/astro/bin/astro.mjs", BUILDER);
  await project.write("notebooks/010-a.ipynb", formatNotebook(notebook(code("a"))));
});
afterEach(() => project.remove());

async function start(answers: Answers = {}, options: { port?: string } = {}) {
  const { given, said, sessions } = runEffects(project.root, answers);
  const status = await startCommand({ ...options, serve: false }, given);
  const log = await readFile(join(project.root, "builds.log"), "utf8").catch(() => "");
  return { ...said, sessions: sessions.length, status, builds: log.length };
}

describe("ptlab start", () => {
  test("runs the notebooks and builds the site", async () => {
    expect(await start()).toMatchObject({ status: 0, sessions: 1, builds: 1 });
  });

  test("does neither the second time", async () => {
    await start();
    const second = await start();
    expect(second).toMatchObject({ status: 0, sessions: 0, builds: 1 });
    expect(second.out).toContain("nothing has changed");
  });

  test("builds again, but runs nothing, if only a page has changed", async () => {
    await start();
    await project.write("site/page.md", "new");
    expect(await start()).toMatchObject({ sessions: 0, builds: 2 });
  });

  test("builds again, but runs nothing, if only the text of a notebook has changed", async () => {
    await start();
    const file = join(project.root, "notebooks/010-a.ipynb");
    await project.write("notebooks/010-a.ipynb", (await readFile(file, "utf8")).replace('"metadata"', '"metadata" '));
    expect(await start()).toMatchObject({ sessions: 0, builds: 2 });
  });

  test.each(["CHANGELOG.md", "test/golden/oracle/fork.json.gz", "test/bench/print.ts"])(
    "builds again if %s has changed, which the site takes in or publishes",
    async (name) => {
      await start();
      await project.write(name, "new");
      expect(await start()).toMatchObject({ builds: 2 });
    },
  );

  test("runs and builds again if the simulator has changed", async () => {
    await start();
    await project.write("src/mmu/tlb.ts", "export const ways = 8;\n");
    expect(await start()).toMatchObject({ sessions: 1, builds: 2 });
  });

  test("says of a notebook that it runs again whether anything moved, and goes on with what is new", async () => {
    expect((await start()).out).not.toMatch(/stored|changed/);
    await project.write("src/mmu/tlb.ts", "export const ways = 8;\n");
    expect((await start()).out).toContain("notebooks/010-a.ipynb: as it was stored\n");
    await project.write("src/mmu/tlb.ts", "export const ways = 16;\n");
    const moved = await start({ a: (emit) => void emit(stream("b\n")) });
    expect(moved).toMatchObject({ status: 0, builds: 3 });
    expect(moved.out).toContain("notebooks/010-a.ipynb: cell 1, output 1: changed (stdout)\n");
    expect(moved.out).toContain("side by side: .ptlab/verify.html\n");
    expect(await readFile(join(project.root, "notebooks/010-a.ipynb"), "utf8")).toContain('"b\\n"');
    expect((await start()).out).toContain("010-a.ipynb: fresh\n");
  });

  test("shows what the builder said if it fails, ends with 1, and tries again the next time", async () => {
    await project.write("site/page.md", "broken");
    const failed = await start();
    expect(failed).toMatchObject({ status: 1, builds: 0 });
    expect(failed.err).toContain("page.md: broken");
    await project.write("site/page.md", "whole");
    expect(await start()).toMatchObject({ status: 0, builds: 1 });
  });

  test("builds nothing from a notebook that fails", async () => {
    const failed = await start({ a: () => ({ status: "error", ename: "Error", evalue: "no" }) });
    expect(failed).toMatchObject({ status: 1, builds: 0 });
  });

  test.each(["0", "65536", "http", "-1", ""])("refuses the port '%s'", async (port) => {
    await expect(start({}, { port })).rejects.toThrow(`bad port '${port}': a number from 1 to 65535 is allowed`);
  });
});
