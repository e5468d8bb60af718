/**
 * A project folder of its own for a test, with a simulator of one file.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { RunEffects } from "../../src/cli/notebooks.ts";
import { printing } from "../cli/printing.ts";
import { type Answers, fakeSession } from "./builders.ts";

/** What commands run notebooks of a project with: made-up sessions, which are kept, and so is what they print. */
export function runEffects(root: string, answers: Answers = {}, change: Partial<RunEffects> = {}) {
  const { effects, printed } = printing();
  const sessions: ReturnType<typeof fakeSession>[] = [];
  const given: RunEffects = {
    ...{ ...effects, root, cwd: root, kernelMetadata: {} },
    createSession() {
      sessions.push(fakeSession(answers));
      return sessions.at(-1)!.session;
    },
    ...change,
  };
  return { given, said: printed, sessions };
}

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
