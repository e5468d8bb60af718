/**
 * Imports of a cell become awaited dynamic imports through the bridge, whose names are variables like all others.
 */
import type * as TypeScript from "typescript";
import { BRIDGE } from "../session/bridge.ts";
import { dropped, type Edit } from "./edits.ts";
import { loadTypeScript } from "./typescript.ts";

/** The name under which a name of the cell is known at run time. */
type Rename = (name: TypeScript.Identifier) => string;

/** The edits that replace `import`, `import()` and `import.meta`. */
export function importEdits(file: TypeScript.SourceFile, rename: Rename): Edit[] {
  const ts = loadTypeScript();
  const edits: Edit[] = [];
  const visit = (node: TypeScript.Node): void => {
    if (ts.isImportDeclaration(node)) return void edits.push(...importEdit(node, file, rename));
    if (node.kind === ts.SyntaxKind.ImportKeyword && ts.isCallExpression(node.parent))
      edits.push({ start: node.getStart(file), end: node.end, text: `${BRIDGE}.load` });
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword)
      return void edits.push({ start: node.getStart(file), end: node.end, text: `${BRIDGE}.meta` });
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return edits;
}

function importEdit(node: TypeScript.ImportDeclaration, file: TypeScript.SourceFile, rename: Rename): Edit[] {
  const clause = node.importClause;
  const pattern = clause === undefined ? undefined : importPattern(clause, rename);
  const start = node.getStart(file);
  // Types alone. The stripper would leave `import {} from "x"` behind of `import { type A } from "x"`.
  if (clause !== undefined && pattern === undefined) return [dropped(file.text, start, node.end)];
  const attributes = node.attributes?.getText(file).replace(/^with/, "");
  const options = attributes === undefined ? "" : `, { with: ${attributes} }`;
  const load = `await ${BRIDGE}.load(${node.moduleSpecifier.getText(file)}${options})`;
  const lines = "\n".repeat(file.text.slice(start, node.end).split("\n").length - 1);
  const text = pattern === undefined ? `${load};` : `let ${pattern.replace("MODULE", () => load)};`;
  return [{ start, end: node.end, text: text.replaceAll("\n", " ") + lines }];
}

/** What stands left of a dynamic import, with `MODULE` where it goes, or undefined for an import of types alone. */
function importPattern(clause: TypeScript.ImportClause, rename: Rename): string | undefined {
  const ts = loadTypeScript();
  if (clause.isTypeOnly) return undefined;
  const named = clause.namedBindings;
  const inner = clause.name === undefined ? [] : [`default: ${rename(clause.name)}`];
  if (named !== undefined && ts.isNamespaceImport(named)) {
    const all = rename(named.name);
    return `${all} = MODULE${inner.length === 0 ? "" : `, { ${inner} } = ${all}`}`;
  }
  for (const { isTypeOnly, name, propertyName } of named?.elements ?? [])
    if (!isTypeOnly) inner.push(`${(propertyName ?? name).getText()}: ${rename(name)}`);
  const nothing = inner.length === 0 && (named?.elements.length ?? 0) > 0;
  return nothing ? undefined : `{ ${inner.join(", ")} } = MODULE`;
}
