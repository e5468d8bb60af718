/**
 * What cells import, from where, and when an edited file is loaded anew.
 */
import { mkdir, mkdtemp, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
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

test("JSON can be imported with its attribute and without", async () => {
  await put("data.json", '{"rows": [1, 2]}');
  expect((await run("import bare from './data.json';\nbare.rows.length")).value).toBe("2");
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

describe("edits without a restart", () => {
  test("a syntax error in an edited file is told with its place, and mended it is loaded again", async () => {
    await put("mended.ts", "export const m = 1;");
    expect((await run("import { m } from './mended.ts';\nm")).value).toBe("1");
    await put("mended.ts", "export const m = ;");
    const broken = await run("import { m } from './mended.ts';\nm");
    expect(broken).toMatchObject({ status: "error", ename: "TypeCheckError" });
    expect(broken.evalue).toMatch(/^line 1, column 19: .*mended\.ts:1:18: Expression expected/);
    await put("mended.ts", "export const m = 'mended';");
    expect((await run("import { m } from './mended.ts';\nm.length")).value).toBe("6");
  });

  test("a syntax error in an imported file is told, and not what the cell's calls then seem to lack", async () => {
    await put("twice.ts", "export function twice(n: number { return 2; }");
    const { evalue } = await run("import { twice } from './twice.ts';\ntwice(4)");
    expect(evalue).toMatch(/^line 1, column 23: .*twice\.ts:1:33: ',' expected/);
  });

  test("a file that throws while it loads can be mended too", async () => {
    await put("thrower-once.ts", "export const t = 1;\nthrow new Error('while loading');");
    expect((await run("import { t } from './thrower-once.ts';")).trace).toMatch(/thrower-once\.ts:2:7/);
    await put("thrower-once.ts", "export const t = 2;");
    expect((await run("import { t } from './thrower-once.ts';\nt")).value).toBe("2");
  });

  test("a deleted file is a type error, and one that comes later is found", async () => {
    await put("gone.ts", "export const g = 1;");
    await run("import { g } from './gone.ts';");
    await unlink(join(folder, "gone.ts"));
    expect((await run("import { g } from './gone.ts';")).evalue).toContain("Cannot find module './gone.ts'");
    expect((await run("g")).value).toBe("1");
    await put("gone.ts", "export const g = 'again';");
    expect((await run("import { g } from './gone.ts';\ng.length")).value).toBe("5");
  });

  test("a file that another one misses is found when it is written", async () => {
    await put("outer.ts", "import { i } from './inner.ts'; export const o = i;");
    expect((await run("import { o } from './outer.ts';")).status).toBe("error");
    await put("inner.ts", "export const i = 'inner';");
    expect((await run("import { o } from './outer.ts';\no.length")).value).toBe("5");
    expect((await run("const wrong: number = o;")).evalue).toContain("'string' is not assignable");
  });

  test("JSON and its type are read anew", async () => {
    await put("edited.json", '{"rows": [1, 2]}');
    await run("import edited from './edited.json' with { type: 'json' };");
    await put("edited.json", '{"columns": 7}');
    expect((await run("import edited from './edited.json' with { type: 'json' };\nedited.columns")).value).toBe("7");
  });

  test("an edit is seen through two files, and by dynamic import", async () => {
    await put("deep.ts", "export const d = 1;");
    await put("between.ts", "export * from './deep.ts';");
    await put("top.ts", "import * as all from './between.ts'; export const d = all.d;");
    await run("import { d } from './top.ts';");
    await put("deep.ts", "export const d = 222;");
    expect((await run("(await import('./top.ts')).d")).value).toBe("222");
  });
});

test("a file is found without its ending and as its compiled name, by cells and by other files, as the type check has it", async () => {
  await mkdir(join(folder, "lib"));
  await put("lib/index.ts", "export { inner } from './inner.js';");
  await put("lib/inner.ts", "export const inner: number = 1;");
  const code = "import { inner } from './lib';\nimport { inner as same } from './lib/inner';\n[inner, same]";
  expect((await run(code)).value).toBe("[ 1, 1 ]");
  await put("lib/inner.ts", "export const inner: number = 222;");
  expect((await run(code)).value).toBe("[ 222, 222 ]");
});

test("one file under two specifiers is one module", async () => {
  await put("single.ts", "export const token = {};");
  const code = `import { token } from './single.ts';\nimport { token as other } from '${folder}/single.ts';\ntoken === other`;
  expect((await run(code)).value).toBe("true");
});

test("ptlab is the same module by name and by path", async () => {
  const path = join(PROJECT_ROOT, "src", "base", "errors.ts");
  const code = `import { UserError } from 'ptlab';\nimport { UserError as same } from '${path}';\nUserError === same`;
  expect((await run(code)).value).toBe("true");
});

test("a package without types is any, and one of CommonJS has its names", async () => {
  await mkdir(join(folder, "node_modules", "untyped"), { recursive: true });
  await put("node_modules/untyped/package.json", '{"name": "untyped", "version": "1.0.0", "main": "index.js"}');
  await put("node_modules/untyped/index.js", "exports.half = (n) => n / 2;");
  expect((await run("import untyped, { half } from 'untyped';\nhalf(8) + untyped.half(2)")).value).toBe("5");
  expect((await run("const { half: again } = require('untyped'); again(4)")).value).toBe("2");
});

test.each([
  ["with spaces and letters beyond ASCII", "a folder, größer — 表", false],
  ["that is a link", "linked", true],
])("a notebook in a folder %s imports ptlab and its own files", async (_, name, isLink) => {
  const real = join(folder, isLink ? "real" : name);
  const place = join(folder, name);
  await mkdir(real);
  if (isLink) await symlink(real, place);
  await writeFile(join(real, "own.ts"), "export const own = 'own';");
  const other = startSession(place);
  const code = "import { parseSize } from 'ptlab';\nimport { own } from './own.ts';\n[parseSize('4K'), own.length]";
  expect((await runCell(other, code)).value).toBe("[ 4096, 3 ]");
  await writeFile(join(real, "own.ts"), "export const own = 'edited';");
  expect((await runCell(other, "import { own } from './own.ts';\nown.length")).value).toBe("6");
  expect((await runCell(other, "import.meta.dirname")).value).toContain(isLink ? "real" : "größer");
  await other.close();
});
