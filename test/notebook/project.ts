/**
 * A project folder of its own for a test, with a simulator of one file.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder with package files, a source and data; removed by `remove`. */
export async function newProject() {
  const root = await mkdtemp(join(tmpdir(), "ptlab-test-"));
  const write = async (name: string, text: string) => {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  };
  await write("package.json", '{"version":"1.2.3"}');
  await write("node_modules/@observablehq/plot/package.json", '{"version":"4.5.6"}');
  await write("node_modules/typescript/package.json", '{"version":"7.8.9"}');
  await write("src/mmu/tlb.ts", "export {};\n");
  await write("src/jupyter/wire.ts", "export {};\n");
  await write("notebooks/data/a.json", "{}");
  return { root, write, remove: () => rm(root, { recursive: true, force: true }) };
}
