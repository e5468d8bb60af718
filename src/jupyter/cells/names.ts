/**
 * Names of a cell that mean something else at run time. A cell's variables live in the scope of the whole process, so
 * one that is called like a global of Node (`process`, `performance`, `Event`) gets another name there, or it would
 * take the global from the kernel and from every package. And what only a CommonJS module has is had from the bridge.
 */
import type * as TypeScript from "typescript";
import { BRIDGE } from "../session/bridge.ts";
import { globalName } from "../session/globals.ts";
import type { Edit } from "./edits.ts";
import { isCellFile, type OpenCell } from "./program.ts";
import { loadTypeScript, localsOf } from "./typescript.ts";

/** Names of CommonJS that are declared for every file, and what a cell gets for them. */
const COMMON_JS: ReadonlyMap<string, string> = new Map([
  ["require", `${BRIDGE}.require`],
  ["__dirname", `${BRIDGE}.meta.dirname`],
  ["__filename", `${BRIDGE}.meta.filename`],
]);

/** What stands for an identifier at run time, by the offset of the identifier. */
export type Names = ReadonlyMap<number, Edit>;

/** The identifiers of a checked cell that need another name, because theirs is taken. */
export function runtimeNames({ file, program }: OpenCell, taken: ReadonlySet<string>): Names {
  const ts = loadTypeScript();
  const checker = program.getTypeChecker();
  const names = new Map<number, Edit>();
  const visit = (node: TypeScript.Node): void => {
    if (ts.isIdentifier(node) && (globalName(node.text, taken) !== node.text || COMMON_JS.has(node.text))) {
      const text = nameOf(node, checker, taken);
      if (text !== undefined) names.set(node.getStart(file), { start: node.getStart(file), end: node.end, text });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

function nameOf(
  node: TypeScript.Identifier,
  checker: TypeScript.TypeChecker,
  taken: ReadonlySet<string>,
): string | undefined {
  const ts = loadTypeScript();
  const { parent, text } = node;
  // The word in `declare global`.
  if (ts.isModuleDeclaration(parent) && (parent.flags & ts.NodeFlags.GlobalAugmentation) !== 0) return undefined;
  const isShort = ts.isShorthandPropertyAssignment(parent);
  const symbol = isShort ? checker.getShorthandAssignmentValueSymbol(parent) : checker.getSymbolAtLocation(node);
  const other = isOfCell(symbol) ? globalName(text, taken) : isOfCommonJs(symbol) ? COMMON_JS.get(text) : undefined;
  if (other === undefined) return undefined;
  const isShortBinding = ts.isBindingElement(parent) && parent.propertyName === undefined && !parent.dotDotDotToken;
  return isShort || (isShortBinding && ts.isObjectBindingPattern(parent.parent)) ? `${text}: ${other}` : other;
}

/** True for what a cell declares at its top level. */
function isOfCell(symbol: TypeScript.Symbol | undefined): boolean {
  const file = symbol?.declarations?.[0]?.getSourceFile();
  return file !== undefined && isCellFile(file) && localsOf(file).get(symbol!.escapedName) === symbol;
}

function isOfCommonJs(symbol: TypeScript.Symbol | undefined): boolean {
  const declared = symbol?.valueDeclaration;
  if (declared === undefined || !loadTypeScript().isVariableDeclaration(declared)) return false;
  return declared.getSourceFile().fileName.includes("/@types/node/") && COMMON_JS.has(symbol!.name);
}
