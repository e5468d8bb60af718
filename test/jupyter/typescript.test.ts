/**
 * What the kernel uses of TypeScript beyond its public types is there and does what the kernel takes it to do: a new
 * release of the compiler shows here first.
 */
import type { CompilerHost, Program, SourceFile } from "typescript";
import { beforeAll, expect, test } from "vitest";
import {
  completionsAt,
  describeSymbol,
  failedLookups,
  loadTypeScript,
  localsOf,
  moduleFile,
  resolveImportsBy,
  scopeFile,
  setImports,
  syntaxErrors,
  tokensAt,
} from "../../src/jupyter/cells/typescript.ts";

const FILES: Readonly<Record<string, string>> = {
  "/a.ts": "export const far: number = 1;",
  "/b.ts": "import './nowhere.ts';",
};
const options = { noLib: true, allowImportingTsExtensions: true, noEmit: true, types: [] };
const ts = loadTypeScript();
let host: CompilerHost;
let program: Program;

beforeAll(() => {
  host = {
    ...ts.createCompilerHost(options),
    getSourceFile: (name, version) =>
      FILES[name] === undefined ? undefined : ts.createSourceFile(name, FILES[name], version, true),
    fileExists: (name) => FILES[name] !== undefined,
    directoryExists: () => true,
    getDirectories: () => [],
    readFile: (name) => FILES[name],
    getCurrentDirectory: () => "/",
  };
  program = ts.createProgram({ rootNames: Object.keys(FILES), options, host });
});

const errors = (file: SourceFile) => program.getSemanticDiagnostics(file).map(({ messageText }) => messageText);
const around = () => moduleFile("/around.ts", "const near = 'text';", options);

test("a file that belongs to no program is bound, and checked inside of what stands around it", () => {
  const inner = moduleFile("/inner.ts", "const wrong: boolean = near;", options, around());
  expect([...localsOf(inner).keys()]).toEqual(["wrong"]);
  expect(errors(inner)).toEqual(["Type 'string' is not assignable to type 'boolean'."]);
  const scope = scopeFile(new Map([...localsOf(around())]), options);
  expect(errors(moduleFile("/next.ts", "near;", options, scope))).toEqual([]);
  expect(errors(moduleFile("/none.ts", "near;", options))).toEqual(["Cannot find name 'near'."]);
});

test("mistakes of syntax are known without a program", () => {
  expect(syntaxErrors(moduleFile("/bad.ts", "let a = ;", options)).map(({ start }) => start)).toEqual([8]);
});

test("an import of a file that belongs to no program leads where it is told to", () => {
  const file = moduleFile("/cell.ts", "import { far } from 'anywhere'; const text: string = far;", options);
  setImports(
    file,
    file.statements.filter(ts.isImportDeclaration).map((s) => s.moduleSpecifier as never),
  );
  const resolvedModule = { resolvedFileName: "/a.ts", extension: ".ts", isExternalLibraryImport: false };
  resolveImportsBy(program, (from) =>
    from === file ? ({ resolvedModule, failedLookupLocations: [] } as never) : undefined,
  );
  expect(errors(file)).toEqual(["Type 'number' is not assignable to type 'string'."]);
});

test("where an import that leads nowhere was looked for is known", () => {
  expect(failedLookups(program.getSourceFile("/b.ts")!, program)).toContain("/nowhere.ts");
});

test("completions, tokens and descriptions are had of a file that belongs to no program", () => {
  const file = moduleFile("/cell.ts", "const nearby = 1; nea", options, around());
  const names = completionsAt(file, 21, program, host)?.entries.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["near", "nearby"]));
  const [at, before] = tokensAt(file, 8);
  expect([at.getText(), before.getText()]).toEqual(["nearby", "nearby"]);
  const checker = program.getTypeChecker();
  expect(describeSymbol(checker.getSymbolAtLocation(at)!, at, checker)).toBe("const nearby: 1");
});
