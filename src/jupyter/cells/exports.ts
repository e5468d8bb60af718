/**
 * `export` in a cell: it means nothing there, and goes before the cell is checked.
 */
import type * as TypeScript from "typescript";
import { blanked, dropped, type Edit, edited } from "./edits.ts";
import { loadTypeScript, parse } from "./typescript.ts";

/**
 * The cell as the type check should see it: `export` means nothing in a cell. It is blanked out, and what is exported by
 * default and has no name is an expression.
 */
export function withoutExports(code: string): string {
  if (!code.includes("export")) return code;
  const file = parse(code, "cell.ts");
  return edited(
    code,
    file.statements.flatMap((statement) => exportEdits(statement, file)),
  ).text;
}

function exportEdits(statement: TypeScript.Statement, file: TypeScript.SourceFile): Edit[] {
  const ts = loadTypeScript();
  const start = statement.getStart(file);
  if (ts.isExportDeclaration(statement) && statement.moduleSpecifier === undefined)
    return [dropped(file.text, start, statement.end)];
  if (ts.isExportAssignment(statement) && !statement.isExportEquals)
    return asExpression(start, statement.expression.getStart(file), statement.expression.end, file);
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  const words = modifiers.filter(({ kind }) => EXPORT_WORDS().includes(kind));
  if (words.length < 2 || (statement as { name?: unknown }).name !== undefined)
    return words.map((word) => without(word, file));
  return asExpression(start, words.at(-1)!.end, statement.end, file);
}

const EXPORT_WORDS = (): readonly TypeScript.SyntaxKind[] => {
  const { ExportKeyword, DefaultKeyword } = loadTypeScript().SyntaxKind;
  return [ExportKeyword, DefaultKeyword];
};

function asExpression(start: number, from: number, to: number, file: TypeScript.SourceFile): Edit[] {
  const blank = blanked(file.text.slice(start, from));
  return [
    { start, end: from, text: `;${blank.slice(2)}(` },
    { start: to, end: to, text: ")" },
  ];
}

/** Takes a part of a file away and leaves every place as it is. */
export const without = (node: TypeScript.Node, file: TypeScript.SourceFile): Edit => {
  const [start, end] = [node.getStart(file), node.end];
  return { start, end, text: blanked(file.text.slice(start, end)) };
};
