/**
 * From a cell's TypeScript to the script that runs it: imports become awaited dynamic imports, types are stripped by
 * Node, and declarations are made to fit the names that earlier cells left. Every line keeps its number.
 */
import { SourceMap, stripTypeScriptTypes } from "node:module";
import type * as TypeScript from "typescript";
import { BRIDGE } from "./bridge.ts";
import { loadTypeScript } from "./typescript.ts";

/** How a name is known to the engine: script scope (`let`, `const`, `class`) or property of the global object. */
export type Binding = "lexical" | "global";

/** A cell that is ready to run. */
export interface Script {
  readonly code: string;
  /** Maps places of the script back to the cell where stripping has moved them. */
  readonly map?: SourceMap;
  /** True if the cell ends with an expression, whose value is then the cell's result. */
  readonly endsWithExpression: boolean;
  /** Names that the cell declares at its top level. */
  readonly bindings: ReadonlyMap<string, Binding>;
}

/** The directive that every script starts with: modules are strict, and the script is all that is left of one. */
export const STRICT_PREFIX = '"use strict";';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The cell as the type check should see it: `export` means nothing in a cell and is blanked out. */
export function withoutExports(code: string): string {
  const ts = loadTypeScript();
  const file = parse(code, "cell.ts");
  const edits = file.statements.flatMap((statement) => {
    const word = ts.canHaveModifiers(statement)
      ? ts.getModifiers(statement)?.find((m) => m.kind === ts.SyntaxKind.ExportKeyword)
      : undefined;
    const isDefault =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword);
    if (word === undefined || isDefault) return [];
    return [{ start: word.getStart(file), end: word.end, text: " ".repeat("export".length) }];
  });
  return applyEdits(code, edits);
}

/**
 * The script of a cell. `known` holds what earlier cells declared: a name stays of the kind that it first had, because
 * the engine refuses one name in both.
 */
export function toScript(code: string, known: ReadonlyMap<string, Binding>): Script {
  const { code: plain, map } = strip(rewriteImports(code));
  const { edits, bindings } = fitDeclarations(parse(plain, "cell.js"), known);
  return { code: applyEdits(plain, edits), map, bindings, endsWithExpression: endsWithExpression(code) };
}

function parse(code: string, name: string): TypeScript.SourceFile {
  const ts = loadTypeScript();
  return ts.createSourceFile(name, code, ts.ScriptTarget.ESNext, true);
}

function applyEdits(code: string, edits: readonly Edit[]): string {
  const ordered = [...edits].sort((a, b) => b.start - a.start);
  return ordered.reduce((text, e) => text.slice(0, e.start) + e.text + text.slice(e.end), code);
}

/** Stripping keeps every position; enums and the like need code of their own and come with a map. */
function strip(code: string): { code: string; map?: SourceMap } {
  try {
    return { code: stripTypeScriptTypes(code) };
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") throw error;
  }
  const built = stripTypeScriptTypes(code, { mode: "transform", sourceMap: true });
  const [text, encoded] = built.split("//# sourceMappingURL=data:application/json;base64,");
  return { code: text!, map: new SourceMap(JSON.parse(Buffer.from(encoded!, "base64").toString())) };
}

/** Told from the cell and not from the script, after whose end the stripper may add declarations. */
function endsWithExpression(code: string): boolean {
  const ts = loadTypeScript();
  const last = parse(code, "cell.ts").statements.findLast((statement) => !ts.isEmptyStatement(statement));
  return last !== undefined && ts.isExpressionStatement(last);
}

function rewriteImports(code: string): string {
  const ts = loadTypeScript();
  const file = parse(code, "cell.ts");
  const edits: Edit[] = [];
  const visit = (node: TypeScript.Node): void => {
    if (ts.isImportDeclaration(node)) return void edits.push(...importEdit(node, file));
    if (node.kind === ts.SyntaxKind.ImportKeyword && ts.isCallExpression(node.parent))
      edits.push({ start: node.getStart(file), end: node.end, text: `${BRIDGE}.load` });
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword)
      return void edits.push({ start: node.getStart(file), end: node.end, text: `${BRIDGE}.meta` });
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return applyEdits(code, edits);
}

function importEdit(node: TypeScript.ImportDeclaration, file: TypeScript.SourceFile): Edit[] {
  const clause = node.importClause;
  const pattern = clause === undefined ? undefined : importPattern(clause);
  // Types alone: stripping takes the whole statement away.
  if (clause !== undefined && pattern === undefined) return blankedTypes(node, clause, file);
  const attributes = node.attributes?.getText(file).replace(/^with/, "");
  const options = attributes === undefined ? "" : `, { with: ${attributes} }`;
  const load = `await ${BRIDGE}.load(${node.moduleSpecifier.getText(file)}${options})`;
  const start = node.getStart(file);
  const lines = "\n".repeat(file.text.slice(start, node.end).split("\n").length - 1);
  const text = pattern === undefined ? `${load};` : `let ${pattern.replace("MODULE", load)};`;
  return [{ start, end: node.end, text: text.replaceAll("\n", " ") + lines }];
}

/** What stands left of a dynamic import, with `MODULE` where it goes, or undefined for an import of types alone. */
function importPattern(clause: TypeScript.ImportClause): string | undefined {
  const ts = loadTypeScript();
  if (clause.isTypeOnly) return undefined;
  const named = clause.namedBindings;
  const inner = clause.name === undefined ? [] : [`default: ${clause.name.text}`];
  if (named !== undefined && ts.isNamespaceImport(named)) {
    const rest = inner.length === 0 ? "" : `, { ${inner} } = ${named.name.text}`;
    return `${named.name.text} = MODULE${rest}`;
  }
  for (const element of named?.elements ?? []) {
    if (element.isTypeOnly) continue;
    const name = element.name.text;
    inner.push(element.propertyName === undefined ? name : `${element.propertyName.getText()}: ${name}`);
  }
  const nothing = inner.length === 0 && (named?.elements.length ?? 0) > 0;
  return nothing ? undefined : `{ ${inner.join(", ")} } = MODULE`;
}

/** `import { type A } from "x"` is no type import to the stripper: it would leave `import {} from "x"` behind. */
function blankedTypes(
  node: TypeScript.ImportDeclaration,
  clause: TypeScript.ImportClause,
  file: TypeScript.SourceFile,
): Edit[] {
  if (clause.isTypeOnly) return [];
  const start = node.getStart(file);
  return [{ start, end: node.end, text: file.text.slice(start, node.end).replace(/[^\n]/g, " ") }];
}

function fitDeclarations(
  file: TypeScript.SourceFile,
  known: ReadonlyMap<string, Binding>,
): { edits: Edit[]; bindings: Map<string, Binding> } {
  const edits: Edit[] = [];
  const bindings = new Map<string, Binding>();
  for (const statement of file.statements) {
    const declared = declaration(statement);
    if (declared === undefined) continue;
    const before = declared.names.map((name) => known.get(name) ?? bindings.get(name)).find((b) => b !== undefined);
    const binding = before ?? declared.natural;
    for (const name of declared.names) bindings.set(name, binding);
    if (binding !== declared.natural || declared.isConst) edits.push(...declared.other(binding, file));
  }
  return { edits, bindings };
}

interface Declared {
  readonly names: readonly string[];
  readonly natural: Binding;
  /** The engine lets no `const` follow a `let`; that nobody writes to one is the type check's business. */
  readonly isConst?: boolean;
  /** The edits that declare the names in the other way. */
  other(binding: Binding, file: TypeScript.SourceFile): Edit[];
}

function declaration(statement: TypeScript.Statement): Declared | undefined {
  const ts = loadTypeScript();
  if (ts.isVariableStatement(statement)) return variables(statement);
  const named = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
  if (!named || statement.name === undefined) return undefined;
  const name = statement.name.text;
  return {
    names: [name],
    natural: ts.isClassDeclaration(statement) ? "lexical" : "global",
    other: (binding, file) => [
      { start: statement.getStart(file), end: statement.getStart(file), text: `${keyword(binding)} ${name} = ` },
      { start: statement.end, end: statement.end, text: ";" },
    ],
  };
}

function variables(statement: TypeScript.VariableStatement): Declared | undefined {
  const ts = loadTypeScript();
  const list = statement.declarationList;
  if ((list.flags & ts.NodeFlags.BlockScoped & ts.NodeFlags.Using) === ts.NodeFlags.Using) return undefined;
  const isVar = (list.flags & ts.NodeFlags.BlockScoped) === 0;
  return {
    names: list.declarations.flatMap((d) => boundNames(d.name)),
    natural: isVar ? "global" : "lexical",
    isConst: (list.flags & ts.NodeFlags.Const) !== 0,
    other: (binding, file) => {
      const start = list.getStart(file);
      const end = start + (/^\w+/.exec(file.text.slice(start))?.[0].length ?? 0);
      return [{ start, end, text: keyword(binding).padEnd(end - start) }];
    },
  };
}

const keyword = (binding: Binding): string => (binding === "lexical" ? "let" : "var");

function boundNames(name: TypeScript.BindingName): string[] {
  const ts = loadTypeScript();
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((e) => (ts.isBindingElement(e) ? boundNames(e.name) : []));
}
