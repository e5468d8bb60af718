/**
 * Declarations of the simulator's own sources, shown in a notebook: cut out by name when the cell runs, so that what a page
 * shows cannot differ from what ran. One alone, or rivals beside each other.
 */
import { readdirSync, readFileSync } from "node:fs";
import type * as TypeScript from "typescript";
import { SIMULATOR_FOLDERS } from "../../notebook/digest.ts";
import { loadTypeScript } from "../cells/typescript.ts";
import { PROJECT_ROOT } from "../paths.ts";
import { beside, type Excerpt, excerptOf, type SourceIndex } from "./excerpt.ts";

/** What {@link sourceBeside} takes for one column: a file below `src/`, and names in it. */
export type SourcePlace = readonly [path: string, ...names: string[]];

/**
 * The named declarations of a file below `src/`: functions, classes, types and constants of its top level, and
 * `Class.method`, also of a constant object. Without names, the whole file. An unknown name or file is a UserError.
 */
export const source = (path: string, ...names: string[]): Excerpt =>
  excerptOf({ files: () => sourceFiles(PROJECT_ROOT), index: (file) => sourceIndex(PROJECT_ROOT, file) }, path, names);

/** Declarations of several files beside each other, as many columns as there is room for. */
export const sourceBeside = (...places: readonly SourcePlace[]): object =>
  beside(places.map(([path, ...names]) => source(path, ...names)));

/** What a file below `src/` of the project at `root` declares. */
export function sourceIndex(root: string, path: string): SourceIndex {
  const file = parse(root, path);
  const part = (text: string) => ({ text, codeLines: codeLines(text) });
  const declared = declarations(file).map(({ name, node }) => ({ name, ...part(textOf(file, node)) }));
  return { whole: part(file.text.trimEnd()), declarations: declared };
}

function parse(root: string, path: string): TypeScript.SourceFile {
  const ts = loadTypeScript();
  const text = readFileSync(`${root}/src/${path}`, "utf8");
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** Paths below `src/`. Only what is part of a notebook's digest: a page that showed anything else would not be known to be stale. */
export function sourceFiles(root: string): string[] {
  return SIMULATOR_FOLDERS.flatMap((folder) => {
    const names = readdirSync(`${root}/src/${folder}`, { recursive: true, encoding: "utf8" });
    return names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
  }).sort();
}

interface Declaration {
  readonly name: string;
  readonly node: TypeScript.Node;
}

function declarations(file: TypeScript.SourceFile): Declaration[] {
  const ts = loadTypeScript();
  return file.statements.flatMap((node) => {
    if (ts.isVariableStatement(node)) return node.declarationList.declarations.flatMap((d) => constant(node, d));
    const name = (node as Partial<TypeScript.DeclarationStatement>).name;
    if (name === undefined || !ts.isIdentifier(name)) return [];
    return [{ name: name.text, node }, ...(ts.isClassDeclaration(node) ? members(name.text, node.members) : [])];
  });
}

function constant(node: TypeScript.Node, { name, initializer }: TypeScript.VariableDeclaration): Declaration[] {
  const ts = loadTypeScript();
  if (!ts.isIdentifier(name)) return [];
  const object = initializer !== undefined && ts.isObjectLiteralExpression(initializer) ? initializer.properties : [];
  return [{ name: name.text, node }, ...members(name.text, object)];
}

function members(owner: string, nodes: readonly TypeScript.NamedDeclaration[]): Declaration[] {
  const named = nodes.filter((node) => node.name !== undefined);
  return named.map((node) => ({ name: `${owner}.${node.name!.getText()}`, node }));
}

/** With the doc comment, and without the indentation of what it is a member of. */
function textOf(file: TypeScript.SourceFile, node: TypeScript.Node): string {
  const start = node.getStart(file, true);
  const indent = file.getLineAndCharacterOfPosition(start).character;
  const text = file.text.slice(start, node.end);
  return indent === 0 ? text : text.replaceAll(`\n${" ".repeat(indent)}`, "\n");
}

function codeLines(text: string): number {
  const ts = loadTypeScript();
  const file = ts.createSourceFile("excerpt.ts", text, ts.ScriptTarget.Latest, true);
  const lines = new Set<number>();
  const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const visit = (node: TypeScript.Node): void => {
    if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) return;
    const children = node.getChildren(file);
    if (children.length === 0 && node.end > node.getStart(file))
      for (let line = lineOf(node.getStart(file)); line <= lineOf(node.end); line++) lines.add(line);
    for (const child of children) visit(child);
  };
  visit(file);
  return lines.size;
}
