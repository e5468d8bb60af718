/**
 * What code imports, told without running it: files beside it, with all that they import in turn, by their content, and
 * packages, with all that they depend on, by their versions. Where an import is computed, everything that it could
 * mean counts, because a needless run costs seconds and a stale figure costs trust.
 */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type * as TypeScript from "typescript";
import { digestContent } from "./digest.ts";

/** What code depends on by its imports. Equal values mean equal imports, on any machine. */
export interface Imports {
  /** Local files by their names relative to the code's folder, with a digest each. */
  readonly files: Readonly<Record<string, string>>;
  /** Packages as `name@version`, in order. */
  readonly packages: readonly string[];
}

/**
 * Everything that pieces of TypeScript in a folder import. Packages are looked for from the folder and then from `root`.
 * The project's own modules, `ptlab` and below, are not part of it.
 */
export async function importsOf(code: readonly string[], folder: string, root: string): Promise<Imports> {
  const found: Found = { files: new Map(), packages: new Set(), root };
  for (const text of code) await addImports(text, folder, found);
  const files = [...found.files].map(([path, digest]) => [relative(folder, path), digest] as const);
  files.sort(([a], [b]) => (a < b ? -1 : 1));
  return { files: Object.fromEntries(files), packages: [...found.packages].sort() };
}

/** Versions of packages and of all that they depend on, looked for from a folder. */
export async function packageVersions(names: readonly string[], root: string): Promise<readonly string[]> {
  const found: Found = { files: new Map(), packages: new Set(), root };
  for (const name of names) await addPackage(name, root, found);
  return [...found.packages].sort();
}

interface Found {
  readonly files: Map<string, string>;
  readonly packages: Set<string>;
  readonly root: string;
}

async function addImports(text: string, folder: string, found: Found): Promise<void> {
  const { names, computed } = await namedModules(text);
  for (const name of names) await addModule(name, folder, found);
  for (const start of computed) {
    const below = dirname(resolve(folder, `${start}x`));
    for (const path of await modulesBelow(below)) await addFile(path, found);
  }
}

async function addModule(name: string, folder: string, found: Found): Promise<void> {
  if (isBuiltin(name) || name === "ptlab" || name.startsWith("ptlab/") || /^(data|https?):/.test(name)) return;
  if (!/^(\.{0,2}\/|\.{1,2}$|file:)/.test(name)) return addPackage(packageOf(name), folder, found);
  const path = name.startsWith("file:") ? fileURLToPath(name.replace(/[?#].*$/, "")) : resolve(folder, name);
  const file = await firstFile(endings(path));
  // A file that is not there may come.
  if (file === undefined) found.files.set(path, "missing");
  else await addFile(file, found);
}

/** How a session finds a file whose ending is not said, or is that of what it would be compiled to. */
const endings = (path: string): string[] => [path, `${path}.ts`, join(path, "index.ts"), path.replace(/\.js$/, ".ts")];

const CODE = /\.[cm]?[jt]s$/;

async function addFile(path: string, found: Found): Promise<void> {
  if (found.files.has(path)) return;
  const content = await readFile(path);
  found.files.set(path, digestContent(content));
  if (CODE.test(path)) await addImports(content.toString(), dirname(path), found);
}

async function addPackage(name: string, from: string, found: Found): Promise<void> {
  const place = (await packageFolder(name, from)) ?? (await packageFolder(name, found.root));
  if (place === undefined) return void found.packages.add(`${name}@none`);
  const { version, dependencies, optionalDependencies } = JSON.parse(
    await readFile(join(place, "package.json"), "utf8"),
  );
  const known = `${name}@${version}`;
  if (found.packages.has(known)) return;
  found.packages.add(known);
  // A linked folder is edited without a new version.
  if (!place.includes("node_modules")) for (const path of await modulesBelow(place)) await addFile(path, found);
  const further = Object.keys({ ...dependencies, ...optionalDependencies });
  for (const next of further) await addPackage(next, place, found);
}

const packageOf = (name: string): string => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name;

/** Where a package lies, seen from a folder, by the rule of Node. */
async function packageFolder(name: string, from: string): Promise<string | undefined> {
  const place = join(from, "node_modules", name);
  if (await isFile(join(place, "package.json"))) return realpath(place);
  return dirname(from) === from ? undefined : packageFolder(name, dirname(from));
}

/** Every file below a folder that an import could load. */
async function modulesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const shown = entries.filter(({ name }) => !name.startsWith(".") && name !== "node_modules");
  const paths = shown.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return modulesBelow(path);
    return CODE.test(path) || path.endsWith(".json") ? [path] : [];
  });
  return (await Promise.all(paths)).flat().sort();
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isFile(path)) return path;
  return undefined;
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;

interface Named {
  readonly names: ReadonlySet<string>;
  /** How names begin whose rest is computed: a path as far as it is written down, or nothing. */
  readonly computed: ReadonlySet<string>;
}

/** The modules that code names. Broken code gives what can be read of it. */
async function namedModules(text: string): Promise<Named> {
  // Takes a fifth of a second, which code without imports need not wait for.
  if (!/\b(import|export|require)\b/.test(text)) return { names: new Set(), computed: new Set() };
  const { default: ts } = await import("typescript");
  const names = new Set<string>();
  const computed = new Set<string>();
  const take = (node: TypeScript.Node | undefined) => {
    if (node === undefined) return;
    if (ts.isStringLiteralLike(node) && !node.text.startsWith("#")) names.add(node.text);
    else {
      const start = startOf(ts, node);
      computed.add(/^\.{1,2}\//.test(start) ? start : "");
    }
  };
  const visit = (node: TypeScript.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier);
    else if (ts.isExternalModuleReference(node)) take(node.expression);
    else if (ts.isCallExpression(node) && isLoad(ts, node.expression)) take(node.arguments[0]);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) take(node.argument.literal);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("cell.ts", text, ts.ScriptTarget.Latest));
  return { names, computed };
}

/** The literal text that the value of an expression begins with. */
function startOf(ts: typeof TypeScript, node: TypeScript.Node): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) return node.head.text;
  return ts.isBinaryExpression(node) ? startOf(ts, node.left) : "";
}

const isLoad = (ts: typeof TypeScript, called: TypeScript.Expression): boolean =>
  called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && called.text === "require");
