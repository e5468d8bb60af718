/**
 * What a reader of a cell sees when pointing at its names: the type, and the first sentence of the documentation.
 */
import type * as TypeScript from "typescript";
import { meaning } from "./editor.ts";
import type { OpenCell } from "./program.ts";
import { describeSymbol, loadTypeScript } from "./typescript.ts";

/** A name at its place in a cell; line and column count from one. */
export interface Hover {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  /** The declaration in short, in TypeScript. */
  readonly type: string;
  /** One sentence, or empty. */
  readonly says: string;
  /** The file that declares the name for others, and what it calls it there; undefined for a name within something. */
  readonly declared: { readonly file: string; readonly name: string } | undefined;
}

/** A type longer than this is cut. */
const LONGEST = 300;

/** The names of a cell, in their order, without those of which no type is known. */
export function hoversOf({ file, program }: OpenCell): Hover[] {
  const ts = loadTypeScript();
  const checker = program.getTypeChecker();
  const found: Hover[] = [];
  const visit = (node: TypeScript.Node): void => {
    const hover = ts.isIdentifier(node) ? hoverOf(node, file, checker) : undefined;
    if (hover !== undefined) found.push(hover);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function hoverOf(
  node: TypeScript.Identifier,
  file: TypeScript.SourceFile,
  checker: TypeScript.TypeChecker,
): Hover | undefined {
  const meant = meaning(node, checker);
  if (meant === undefined) return undefined;
  const type = shortened(describeSymbol(meant.target, node, checker));
  if (type === "" || /: any$/.test(type)) return undefined;
  const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
  const length = node.end - node.getStart(file);
  const says = firstSentence(meant.docs ?? "");
  return { line: line + 1, column: character + 1, length, type, says, declared: declaredIn(meant.target) };
}

function declaredIn({ name, declarations }: TypeScript.Symbol): Hover["declared"] {
  const ts = loadTypeScript();
  const [node] = declarations ?? [];
  if (node === undefined) return undefined;
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return ts.isSourceFile(statement.parent) ? { file: statement.parent.fileName, name } : undefined;
}

const shortened = (type: string): string =>
  type.length <= LONGEST ? type : `${type.slice(0, LONGEST).replace(/\s+\S*$/, "")} …`;

/** The first sentence of a doc comment, as plain text. */
export function firstSentence(docs: string): string {
  const text = docs
    .split(/^@/m)[0]!
    .replace(/\{@link\s+([^}]*)\}/g, "$1")
    .replaceAll("`", "");
  return /^.*?[.!?](?=\s+[A-Z]|$)|^.*/.exec(text.replace(/\s+/g, " ").trim())![0];
}
