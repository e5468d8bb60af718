/**
 * What an editor asks about a cell: names that fit at a place, type and documentation of what is there, and whether the
 * cell could be run as it is. Offsets count UTF-16 units.
 */
import type * as TypeScript from "typescript";
import type { OpenCell } from "./program.ts";
import { completionsAt, describeSymbol, loadTypeScript, moduleFile, syntaxErrors, tokensAt } from "./typescript.ts";

/** Names that fit at a place of a cell; start and end are UTF-16 offsets of what they replace. */
export interface Completion {
  readonly start: number;
  readonly end: number;
  readonly matches: readonly string[];
  /** What each match is, in TypeScript's words: `method`, `const`, `interface`. */
  readonly kinds: readonly string[];
}

/** Whether a cell could be run as it is; `indent` is what the next line should start with. */
export type Completeness =
  | { readonly status: "complete" | "invalid" }
  | { readonly status: "incomplete"; readonly indent: string };

/** Names that fit at the offset: those that begin with what stands there first, then those that contain it. */
export function complete({ file, program, host }: OpenCell, offset: number): Completion {
  const word = wordAt(file.text, offset);
  const found = completionsAt(file, offset, program, host);
  const entries = found?.entries ?? [];
  const span = found?.optionalReplacementSpan ?? entries[0]?.replacementSpan;
  const { start, end } = span === undefined ? word : { start: span.start, end: span.start + span.length };
  const fitting = ranked(entries, file.text.slice(start, offset));
  return { start, end, matches: fitting.map(({ name }) => name), kinds: fitting.map(({ kind }) => kind) };
}

function wordAt(text: string, offset: number): { start: number; end: number } {
  const before = /[#\p{ID_Continue}$]*$/u.exec(text.slice(0, offset))![0].length;
  const after = /^[\p{ID_Continue}$]*/u.exec(text.slice(offset))![0].length;
  return { start: offset - before, end: offset + after };
}

function ranked(entries: readonly TypeScript.CompletionEntry[], given: string): TypeScript.CompletionEntry[] {
  const lower = given.toLowerCase();
  const rankOf = (name: string) => {
    if (name.startsWith(given)) return "0";
    const at = name.toLowerCase().indexOf(lower);
    return at === 0 ? "1" : at > 0 ? "2" : undefined;
  };
  const rows = entries.flatMap((entry) => {
    const rank = rankOf(entry.name);
    return rank === undefined ? [] : [{ entry, key: rank + entry.sortText }];
  });
  return rows.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ entry }) => entry);
}

/**
 * Type and documentation of the name at the offset, or of the function whose arguments are being typed there; with its
 * source if that is wanted and is TypeScript.
 */
export function inspect({ file, program }: OpenCell, offset: number, withSource: boolean): string | undefined {
  const checker = program.getTypeChecker();
  for (const node of places(file, offset)) {
    const text = describe(node, checker);
    if (text !== undefined) return withSource ? [text, ...sources(node, checker)].join("\n\n") : text;
  }
  return undefined;
}

/** The statements that declare a name, as they were written; a declaration file says no more than the type does. */
function sources(node: TypeScript.Node, checker: TypeScript.TypeChecker): string[] {
  const ts = loadTypeScript();
  const named = checker.getSymbolAtLocation(node)!;
  const symbol = named.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(named) : named;
  const written = (symbol.declarations ?? []).filter((d) => !d.getSourceFile().isDeclarationFile);
  return written.map((d) => (ts.findAncestor(d, ts.isVariableStatement) ?? d).getText());
}

function places(file: OpenCell["file"], offset: number): TypeScript.Node[] {
  const ts = loadTypeScript();
  const [at, before] = tokensAt(file, offset);
  const isCall = (node: TypeScript.Node) => ts.isCallExpression(node) || ts.isNewExpression(node);
  const call = ts.findAncestor(before, (n) => isCall(n) && offset > n.expression.end) as
    | TypeScript.CallExpression
    | undefined;
  const callee = call?.expression;
  const name = callee !== undefined && ts.isPropertyAccessExpression(callee) ? callee.name : callee;
  return [at, before, ...(name === undefined ? [] : [name])];
}

function describe(node: TypeScript.Node, checker: TypeScript.TypeChecker): string | undefined {
  const meant = meaning(node, checker);
  if (meant === undefined) return undefined;
  return [describeSymbol(meant.symbol, node, checker), ...(meant.docs === undefined ? [] : [meant.docs])].join("\n\n");
}

/** What a name stands for, at the end of its imports too, with the doc comment of that. */
export function meaning(node: TypeScript.Node, checker: TypeScript.TypeChecker) {
  const ts = loadTypeScript();
  const symbol = ts.isSourceFile(node) ? undefined : checker.getSymbolAtLocation(node);
  if (symbol === undefined || checker.isUnknownSymbol(symbol)) return undefined;
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const docs = (target.declarations ?? []).map(docComment).find((text) => text !== "");
  return { symbol, target, docs };
}

/** The doc comment in front of a declaration as text, tags and all. */
function docComment(declaration: TypeScript.Declaration): string {
  const ts = loadTypeScript();
  const { text } = declaration.getSourceFile();
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const comments = ts.getLeadingCommentRanges(text, node.pos) ?? [];
  const doc = comments.findLast(({ pos }) => text.startsWith("/**", pos));
  const lines = doc === undefined ? "" : text.slice(doc.pos + 3, doc.end - 2);
  const plain = lines.replace(/^[ \t]*\*[ \t]?/gm, "").trim();
  return plain.replace(/[ \t]+(?=@(param|returns?|throws|deprecated|default|see|example)\b)/g, "\n");
}

/** Message numbers of what ends too early and is no "... expected": a template, a comment. */
const UNTERMINATED: readonly number[] = [1160, 1010];

/** Judges a cell by its syntax alone. Two empty lines at the end say that nothing more will come. */
export function completeness(code: string): Completeness {
  const ts = loadTypeScript();
  const [first] = syntaxErrors(moduleFile("cell.ts", code, {}));
  if (first === undefined) return { status: "complete" };
  if (UNTERMINATED.includes(first.code)) return { status: "incomplete", indent: "" };
  const isAtEnd = first.start >= code.trimEnd().length;
  const isMissing = ts.flattenDiagnosticMessageText(first.messageText, "\n").endsWith(" expected.");
  if (!isAtEnd || !isMissing || /\n\s*\n\s*$/.test(code)) return { status: "invalid" };
  return { status: "incomplete", indent: indentAfter(code) };
}

/** The indent of the last line, and more if that line opens a bracket. */
function indentAfter(code: string): string {
  const line = code.slice(code.lastIndexOf("\n") + 1);
  const indent = /^\s*/.exec(line)![0];
  return /[([{][^)\]}"'`]*$/.test(line) ? `${indent}  ` : indent;
}
