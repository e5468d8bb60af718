/**
 * The rules of the house that a machine can check: which folder imports which, what the browser-safe part may name, what
 * the top level holds; and for the site too, how long a file may get, and that exported names are documented.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "..");
const SRC = path.join(ROOT, "src");

/** The one direction of imports: a part imports from itself and from parts before it. */
const ORDER = [
  "base",
  "arch",
  "machine",
  "mmu",
  "pgtable",
  "design",
  "mm",
  "study",
  "figure",
  "notebook",
  "jupyter",
  "cli",
  "index.ts",
];
/** The last part that must run in a browser. */
const LAST_SAFE = ORDER.indexOf("figure");

const MAX_LINES = 500;

/** Names whose use would make a result depend on more than spec and seed, or on where it runs. */
const FORBIDDEN = ["process", "Buffer", "document", "window", "require", "__dirname", "__filename", "global"];

const TOP_LEVEL =
  /^(notebooks|src|site|test|package\.json|package-lock\.json|tsconfig\.json|astro\.config\.mjs|\..+|LICENSE|README\.md|CHANGELOG\.md)$/;

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .sort();

const sources = new Map(files.map((name) => [name, parse(name)]));

function parse(name: string): ts.SourceFile {
  return ts.createSourceFile(name, readFileSync(path.join(SRC, name), "utf8"), ts.ScriptTarget.Latest, true);
}

/** The part that a file below src/ belongs to; cli.ts belongs with cli/. */
function partOf(name: string): string {
  const first = name.split("/")[0]!;
  return first === "cli.ts" ? "cli" : first;
}

function rankOf(name: string): number {
  return ORDER.indexOf(partOf(name));
}

function safeFiles(): string[] {
  return files.filter((name) => rankOf(name) <= LAST_SAFE || name === "index.ts");
}

/** Every module that a file names: import, export from, import(), and import types. */
function importsOf(source: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const name = moduleNameOf(node);
    if (name !== undefined) found.push(name);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function moduleNameOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return literal(node.arguments[0]);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return literal(node.argument.literal);
  return undefined;
}

function literal(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

/** Relative imports of a file, as paths from src/. */
function relativeImports(name: string): string[] {
  return importsOf(sources.get(name)!)
    .filter((to) => to.startsWith("."))
    .map((to) => path.posix.normalize(path.posix.join(path.posix.dirname(name), to)));
}

/** Imports of a file that lead to another file below src/. */
function arrowsFrom(name: string): string[] {
  return relativeImports(name).filter((to) => !to.startsWith("../"));
}

test("every file of src/ belongs to a part of the house that the design names", () => {
  expect(files.filter((name) => rankOf(name) < 0)).toEqual([]);
});

test("every import inside src/ leads to the same part or to one above it", () => {
  const wrong = files.flatMap((name) =>
    arrowsFrom(name)
      .filter((to) => rankOf(to) < 0 || rankOf(to) > rankOf(name))
      .map((to) => `${name} imports ${to}`),
  );
  expect(wrong).toEqual([]);
});

test("src/ takes nothing of the project from outside itself but the facts of package.json", () => {
  const outside = files.flatMap((name) => relativeImports(name).filter((to) => to.startsWith("../")));
  expect(outside.filter((to) => to !== "../package.json")).toEqual([]);
});

test("index.ts holds nothing but re-exports of base to figure", () => {
  const index = sources.get("index.ts")!;
  const other = index.statements.filter((s) => !ts.isExportDeclaration(s) || s.moduleSpecifier === undefined);
  expect(other.map((s) => s.getText())).toEqual([]);
  expect(arrowsFrom("index.ts").filter((to) => rankOf(to) > LAST_SAFE)).toEqual([]);
  expect(importsOf(index).filter((to) => !to.startsWith("."))).toEqual([]);
});

test("nothing from base to figure imports a module of Node", () => {
  const wrong = safeFiles().flatMap((name) =>
    importsOf(sources.get(name)!)
      .filter((to) => to.startsWith("node:") || ["fs", "path", "os", "child_process"].includes(to))
      .map((to) => `${name} imports ${to}`),
  );
  expect(wrong).toEqual([]);
});

test("nothing from base to figure reaches for the process, the document or another global of its host", () => {
  expect(globalsNamed(safeFiles(), FORBIDDEN)).toEqual([]);
});

test("nothing from base to figure reads the clock or draws random numbers that no seed decides", () => {
  const clock = /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|crypto\.(getRandomValues|randomUUID))\b/;
  const code = (name: string) => readFileSync(path.join(SRC, name), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  expect(safeFiles().filter((name) => clock.test(code(name)))).toEqual([]);
});

/** Uses of a name as a global: found by the type checker, so that a parameter of that name is none. */
function globalsNamed(names: string[], forbidden: readonly string[]): string[] {
  const config = ts.readConfigFile(path.join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const program = ts.createProgram(
    names.map((name) => path.join(SRC, name)),
    options,
  );
  const checker = program.getTypeChecker();
  return names.flatMap((name) => {
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isIdentifier(node) && forbidden.includes(node.text) && isGlobal(checker, node))
        found.push(`${name}: ${node.text}`);
      ts.forEachChild(node, visit);
    };
    visit(program.getSourceFile(path.join(SRC, name))!);
    return found;
  });
}

function isGlobal(checker: ts.TypeChecker, node: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(node.parent) && node.parent.name === node) return isGlobalThis(node.parent);
  if (ts.isPropertyAssignment(node.parent) && node.parent.name === node) return false;
  if (ts.isPropertySignature(node.parent) || ts.isQualifiedName(node.parent)) return false;
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  const at = symbol?.declarations ?? [];
  return at.every((d) => d.getSourceFile().isDeclarationFile);
}

function isGlobalThis(access: ts.PropertyAccessExpression): boolean {
  return ts.isIdentifier(access.expression) && access.expression.text === "globalThis";
}

test("the words that enter page tables are written by pgtable alone: nothing else imports pgtable/raw.ts", () => {
  const users = files.filter((name) => arrowsFrom(name).includes("pgtable/raw.ts"));
  expect(users.length).toBeGreaterThan(0);
  expect(users.filter((name) => partOf(name) !== "pgtable")).toEqual([]);
});

test("the top level of the project holds only what the design allows", () => {
  const tracked = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 26 });
  const top = new Set(
    tracked
      .trim()
      .split("\n")
      .map((name) => name.split("/")[0]!),
  );
  expect([...top].filter((name) => !TOP_LEVEL.test(name))).toEqual([]);
});

/** What a person reads: the sources, and the site that is made of them. */
const SITE = path.join(ROOT, "site");
const readable = [
  ...files.map((name) => path.join(SRC, name)),
  ...readdirSync(SITE, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|astro)$/.test(name) && !name.endsWith(".d.ts"))
    .sort()
    .map((name) => path.join(SITE, name)),
].map((file) => {
  const text = readFileSync(file, "utf8");
  return { name: path.relative(ROOT, file), text, code: file.endsWith(".astro") ? frontmatter(text) : text };
});

/** What of a component is TypeScript. Its scripts import files, which are read with the others. */
function frontmatter(component: string): string {
  return /^---\n([\s\S]*?)^---$/m.exec(component)?.[1] ?? "";
}

test(`no source file is longer than ${MAX_LINES} lines`, () => {
  const long = readable.map(({ name, text }) => ({ name, lines: text.split("\n").length - 1 }));
  expect(long.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
});

test("every source file begins with a comment that says what it is", () => {
  const headless = readable.filter(({ code }) => !/^\/(\*\*|\/ )/.test(code.replace(/^#!.*\n/, "")));
  expect(headless.map(({ name }) => name)).toEqual([]);
});

/** Names that Astro gives to what it calls; they mean the same in every file. */
const ASTRO = ["GET", "getStaticPaths", "collections"];

test("every exported name has a doc comment", () => {
  const bare = readable.flatMap(({ name, code }) =>
    undocumented(name, ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true)),
  );
  expect(bare.filter((line) => !ASTRO.includes(line.split(": ")[1]!))).toEqual([]);
});

/** Exported names without a comment right above them; a type and a value of one name share theirs. */
function undocumented(name: string, source: ts.SourceFile): string[] {
  const documented = new Set(source.statements.filter(isExported).filter(hasDoc).map(nameOf));
  return source.statements
    .filter(isExported)
    .map(nameOf)
    .filter((exported) => !documented.has(exported))
    .map((exported) => `${name}: ${exported}`);
}

/** A comment with an empty line behind it belongs to the file and not to the name. */
function hasDoc(statement: ts.Statement): boolean {
  const text = statement.getSourceFile().text;
  return /\*\/[ \t]*\n$/.test(text.slice(statement.getFullStart(), statement.getStart()));
}

function isExported(statement: ts.Statement): boolean {
  if (ts.isExportDeclaration(statement) || !ts.canHaveModifiers(statement)) return false;
  return ts.getModifiers(statement)?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function nameOf(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map((d) => d.name.getText()).join(", ");
  return (statement as ts.FunctionDeclaration).name?.text ?? "?";
}
