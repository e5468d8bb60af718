/**
 * A declaration as text in pieces, of which some are names that lead to where they are told.
 */
import type { Node, Statement } from "typescript";
import { loadTypeScript } from "../../src/jupyter/cells/typescript.ts";

/** Text, and the address that it leads to if it is such a name. */
export type Piece = readonly [text: string, address?: string];

/** Address of a name that a declaration uses; `specifier` is the file if the declaration itself says it. */
export type AddressOf = (name: string, specifier?: string) => string | undefined;

/** The text of a declaration without the words that every exported one begins with. */
export function linked(statement: Statement, addressOf: AddressOf): readonly Piece[] {
  const ts = loadTypeScript();
  const { text } = statement.getSourceFile();
  const pieces: Piece[] = [];
  let from = startOf(statement);
  const take = (name: Node, specifier?: string): void => {
    const address = addressOf(name.getText(), specifier);
    if (address === undefined) return;
    pieces.push([narrow(text.slice(from, name.getStart()))], [name.getText(), address]);
    from = name.end;
  };
  const visit = (node: Node): void => {
    if (ts.isImportTypeNode(node) && node.qualifier) {
      pieces.push([narrow(text.slice(from, node.getStart()))]);
      from = node.qualifier.getStart();
      take(node.qualifier, ts.isLiteralTypeNode(node.argument) ? node.argument.literal.getText().slice(1, -1) : "");
    } else if (ts.isTypeReferenceNode(node)) take(node.typeName);
    else if (ts.isTypeQueryNode(node)) take(node.exprName);
    else if (ts.isExpressionWithTypeArguments(node)) take(node.expression);
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return [...pieces, [narrow(text.slice(from, statement.end))]];
}

/** Behind `export` and `declare`, which say nothing here. */
function startOf(statement: Statement): number {
  const ts = loadTypeScript();
  const words = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  const last = words.findLast(
    ({ kind }) => kind === ts.SyntaxKind.ExportKeyword || kind === ts.SyntaxKind.DeclareKeyword,
  );
  return last === undefined ? statement.getStart() : last.end + 1;
}

/** The compiler indents by four. */
const narrow = (text: string): string =>
  text.replace(/^( {4})+/gm, (spaces) => " ".repeat(spaces.length / 2)).replace(/^ +#private;\n/gm, "");
