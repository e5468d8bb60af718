/**
 * What cells import, from where, and when an edited file is loaded anew.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ChildSession, startSession } from "../../src/jupyter/child-session.ts";
import { runCell } from "./cells.ts";

let folder: string;
let session: ChildSession;
const run = (code: string) => runCell(session, code);
const put = (name: string, text: string) => writeFile(join(folder, name), text);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ptlab-cells-"));
  session = startSession(folder);
});
afterAll(async () => {
  await session.close();
  await rm(folder, { recursive: true });
});

test("a notebook outside the project imports ptlab by name", async () => {
  expect((await run("import { parseSize, UserError } from 'ptlab';\nparseSize('4K')")).value).toBe("4096");
});

test("what is imported from ptlab is typed and completed", async () => {
  expect((await run("const size: string = parseSize('4K');")).evalue).toContain("'number' is not assignable");
  expect((await session.complete("parseSi", 7)).matches).toContain("parseSize");
  expect(await session.inspect("parseSize", 3)).toContain("parseSize(text: string): number");
});

test("a name that ptlab does not export is a type error and not undefined", async () => {
  expect((await run("import { noSuchThing } from 'ptlab';")).evalue).toContain("no exported member 'noSuchThing'");
});

test("the project's packages can be imported outside the project, typed", async () => {
  expect((await run("import * as Plot from '@observablehq/plot';\ntypeof Plot.plot")).value).toBe("'function'");
  expect((await run("Plot.noSuchMark")).ename).toBe("TypeCheckError");
});

test("imports of all forms give what they name", async () => {
  await put(
    "forms.ts",
    "export default 1; export const a = 2; export interface T { t: number } export const tOf = (t: T) => t.t;",
  );
  await run(
    "import d, { a as b, type T, tOf } from './forms.ts';\nimport e, * as all from './forms.ts';\nimport type { T as U } from './forms.ts';\nimport './forms.ts';",
  );
  expect((await run("const t: T & U = { t: 4 }; [d, b, e, all.a, tOf(t)]")).value).toBe("[ 1, 2, 1, 2, 4 ]");
  expect((await run("(await import('./forms.ts')).a")).value).toBe("2");
});

test("JSON can be imported with its attribute", async () => {
  await put("data.json", '{"rows": [1, 2]}');
  expect((await run("import data from './data.json' with { type: 'json' };\ndata.rows.length")).value).toBe("2");
});

test("an edited file is loaded anew, also where another file imports it, and nothing else is", async () => {
  await put("leaf.ts", "export const v: number = 1;");
  await put("middle.ts", "import { v } from './leaf.ts'; export const w = v * 10;");
  await put("other.ts", "export const token = {};");
  await run("import { w } from './middle.ts';\nimport { token } from './other.ts';\nconst old = token;");
  await put("leaf.ts", "export const v: number = 23;");
  expect(
    (await run("import { w } from './middle.ts';\nimport { token } from './other.ts';\n[w, token === old]")).value,
  ).toBe("[ 230, true ]");
});

test("an edit changes the types too", async () => {
  await put("typed.ts", "export const shape = 1;");
  await run("import { shape } from './typed.ts';\nshape.toFixed();");
  await put("typed.ts", "export const shape = 'text';");
  expect((await run("import { shape } from './typed.ts';\nshape.toFixed();")).evalue).toContain(
    "'toFixed' does not exist",
  );
  expect((await run("import { shape } from './typed.ts';\nshape.length")).value).toBe("4");
});

test("an error inside an imported file names that file and its line", async () => {
  await put("thrower.ts", "export function boom(): never {\n  throw new Error('inside');\n}");
  const failed = await run("import { boom } from './thrower.ts';\nboom()");
  expect(failed.trace).toMatch(/at boom \(.*thrower\.ts:2:9\)\n +at In\[\d+\]:2:1/);
});

test("a file that is not there is a type error at the import", async () => {
  expect((await run("import { x } from './missing.ts';")).evalue).toContain("line 1, column 19: Cannot find module");
});

test("files are read relative to the notebook", async () => {
  await put("note.txt", "read");
  expect((await run("import { readFileSync } from 'node:fs';\nreadFileSync('note.txt', 'utf8')")).value).toBe("'read'");
});
