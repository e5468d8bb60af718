/**
 * Declarations of the simulator's own sources, shown in a notebook: cut out by name when the cell runs, so that what a page
 * shows cannot differ from what ran. One alone, or rivals beside each other.
 */
import { readdirSync, readFileSync } from "node:fs";
import type * as TypeScript from "typescript";
import { nearest, UserError } from "../../base/errors.ts";
import { DISPLAY } from "../../figure/figure.ts";
import { SIMULATOR_FOLDERS } from "../../notebook/digest.ts";
import { loadTypeScript } from "../cells/typescript.ts";
import { PROJECT_ROOT } from "../paths.ts";

/** Declarations cut out of one file. A notebook shows them as highlighted TypeScript. */
export interface Excerpt {
  /** The file, from `src/`. */
  readonly path: string;
  /** The declarations with their doc comments, an empty line between them. */
  readonly text: string;
  /** Lines that hold code: neither empty nor comment. */
  readonly codeLines: number;
  readonly [DISPLAY]: () => Readonly<Record<string, string>>;
}

/** What {@link sourceBeside} takes for one column: a file below `src/`, and names in it. */
export type SourcePlace = readonly [path: string, ...names: string[]];

/**
 * The named declarations of a file below `src/`: functions, classes, types and constants of its top level, and
 * `Class.method`, also of a constant object. Without names, the whole file. An unknown name or file is a UserError.
 */
export function source(path: string, ...names: string[]): Excerpt {
  const file = parse(path);
  const text = names.length === 0 ? file.text.trimEnd() : names.map((name) => cut(file, path, name)).join("\n\n");
  const excerpt = { path, text, codeLines: codeLines(text) };
  return { ...excerpt, [DISPLAY]: () => bundle(fenced(excerpt), text) };
}

/** Declarations of several files beside each other, as many columns as there is room for. */
export function sourceBeside(...places: readonly SourcePlace[]): object {
  const excerpts = places.map(([path, ...names]) => source(path, ...names));
  const columns = excerpts.map((excerpt) => `<div>\n\n${fenced(excerpt, " wrap")}\n</div>`);
  // The site has a style for the class and takes the style away; a notebook editor has no style for the class.
  const markdown = `<div class="ptlab-beside" style="${GRID}">\n${columns.join("\n")}\n</div>\n`;
  return { [DISPLAY]: () => bundle(markdown, excerpts.map(({ path, text }) => `// ${path}\n${text}`).join("\n\n")) };
}

const GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30em),1fr));gap:1em";

const bundle = (markdown: string, text: string) => ({ "text/markdown": markdown, "text/plain": text });

/** `how` is for the site's highlighter: in a narrow column, long lines break instead of running out of sight. */
function fenced({ path, text }: Pick<Excerpt, "path" | "text">, how = ""): string {
  return `\`src/${path}\`\n\n\`\`\`\`ts${how}\n${text}\n\`\`\`\`\n`;
}

function parse(path: string): TypeScript.SourceFile {
  const files = sourceFiles();
  if (!files.includes(path)) throw unknown("source file", path, files);
  const ts = loadTypeScript();
  const text = readFileSync(`${PROJECT_ROOT}/src/${path}`, "utf8");
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** Only what is part of a notebook's digest: a page that showed anything else would not be known to be stale. */
function sourceFiles(): string[] {
  return SIMULATOR_FOLDERS.flatMap((folder) => {
    const names = readdirSync(`${PROJECT_ROOT}/src/${folder}`, { recursive: true, encoding: "utf8" });
    return names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
  }).sort();
}

/** Files and declarations are too many to list, so only the nearest is named. */
function unknown(what: string, given: string, allowed: readonly string[]): UserError {
  const near = nearest(given, allowed) ?? allowed.find((name) => name.toLowerCase().includes(given.toLowerCase()));
  const hint = near === undefined ? `; there are ${allowed.slice(0, 12).join(", ")}` : `; did you mean ${near}?`;
  return new UserError(`unknown ${what} '${given}'${hint}`);
}

/** A declaration of that name; overloads, and a type beside a value, are several. */
function cut(file: TypeScript.SourceFile, path: string, name: string): string {
  const all = declarations(file);
  const found = all.filter((d) => d.name === name);
  if (found.length === 0)
    throw unknown(
      `name in ${path}`,
      name,
      all.map((d) => d.name),
    );
  return found.map(({ node }) => textOf(file, node)).join("\n\n");
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
