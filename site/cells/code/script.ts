/**
 * From a cell to the function that runs it. What the cell declares at its top level becomes a property of the global
 * object, so that closures and later cells see one variable; all else stays as it was written, line by line.
 */
import type {
  AnyNode,
  ExportDefaultDeclaration,
  ImportDeclaration,
  ModuleDeclaration,
  Statement,
  VariableDeclaration,
} from "acorn";
import { blanked, type Edit, edited, offsetAt, type Place, placeAt } from "../../../src/jupyter/cells/edits.ts";
import { BRIDGE } from "../../../src/jupyter/session/bridge.ts";
import { globalName } from "../../../src/jupyter/session/globals.ts";
import type { Compile } from "./compile.ts";
import { boundNames, children, topReferences, varsBelow } from "./references.ts";
import { type Plain, strip } from "./strip.ts";

/** A cell that is ready to run. */
export interface Script {
  /** An expression: the function that runs the cell and gives `[value]`, or nothing where its last statement has none. */
  readonly code: string;
  /** The place in the cell of a place in the script. */
  origin(place: Place): Place;
  /** Global names that exist, without a value, before the first statement runs. */
  readonly variables: readonly string[];
  /** Global names that exist from their declaration on. */
  readonly constants: readonly string[];
  /** Names of the cell's variables as the cell has them. */
  readonly names: readonly string[];
}

/** How names are called at run time, which a cell's variable must not take from the worker and its libraries. */
export interface Naming {
  readonly taken: ReadonlySet<string>;
  /** Names that earlier cells declared. */
  readonly known: ReadonlySet<string>;
}

type TopLevel = Statement | ModuleDeclaration;

/** The script of a cell. Throws a SyntaxError that knows its place. */
export async function toScript(code: string, naming: Naming, compiler: () => Promise<Compile>): Promise<Script> {
  const plain = await strip(code, compiler);
  const body = plain.program.body as readonly TopLevel[];
  refuseReExports(body);
  const declared = body.flatMap(declarations);
  const names = new Set(declared.flatMap((d) => d.names));
  const rename = (name: string) => (names.has(name) || naming.known.has(name) ? globalName(name, naming.taken) : name);
  const nested = body.filter((node) => !isDeclaration(node)).flatMap((node) => varsBelow(node as AnyNode));
  const inner = nested.flatMap((v) => v.declarations.flatMap(({ id }) => boundNames(id)));
  for (const name of inner) names.add(name);
  const context: Context = { plain, rename, isFirst: firstTime() };
  const script = edited(plain.code, [
    { start: 0, end: 0, text: `(async () => {"use strict";${firstStatements(body, context)}` },
    ...body.flatMap((node) => topEdits(node, context)),
    ...nested.flatMap((node) => nestedEdits(node, plain)),
    ...renames(plain, rename),
    ...bridged(plain),
    ...valueEdits(body, plain.code),
    { start: plain.code.length, end: plain.code.length, text: "\n})" },
  ]);
  return {
    code: script.text,
    origin: (place) => plain.origin(placeAt(plain.code, script.origin(offsetAt(script.text, place)))),
    variables: [...declared.filter((d) => d.isHoisted).flatMap((d) => d.names), ...inner].map(rename),
    constants: declared.filter((d) => !d.isHoisted).flatMap((d) => d.names.map(rename)),
    names: [...names],
  };
}

interface Context {
  readonly plain: Plain;
  rename(name: string): string;
  /** True for a name that is asked for the first time. */
  isFirst(name: string): boolean;
}

function firstTime(): (name: string) => boolean {
  const seen = new Set<string>();
  return (name) => !seen.has(name) && seen.add(name) !== undefined;
}

interface Declared {
  readonly names: readonly string[];
  /** It is there from the cell's start. */
  readonly isHoisted: boolean;
}

/** What is declared by a statement of the top level, not by one inside of it. */
function declarations(node: TopLevel): Declared[] {
  const inner = withoutExport(node);
  switch (inner.type) {
    case "VariableDeclaration":
      return [{ names: inner.declarations.flatMap(({ id }) => boundNames(id)), isHoisted: inner.kind === "var" }];
    case "FunctionDeclaration":
      return inner.id ? [{ names: [inner.id.name], isHoisted: true }] : [];
    case "ClassDeclaration":
      return inner.id ? [{ names: [inner.id.name], isHoisted: false }] : [];
    case "ImportDeclaration":
      return [{ names: inner.specifiers.map(({ local }) => local.name), isHoisted: false }];
    default:
      return [];
  }
}

/** What an `export` in front of it says nothing about: it means nothing in a cell. */
function withoutExport(node: TopLevel): AnyNode {
  if (node.type === "ExportNamedDeclaration") return node.declaration ?? (node as AnyNode);
  if (node.type === "ExportDefaultDeclaration") return node.declaration as AnyNode;
  return node as AnyNode;
}

const isDeclaration = (node: TopLevel): boolean => /Declaration$/.test(withoutExport(node).type);

function refuseReExports(body: readonly TopLevel[]): void {
  const isOther = (node: TopLevel) =>
    node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && node.source != null);
  if (body.some(isOther))
    throw new SyntaxError("a cell has nowhere to export another module to: import from it, and later cells see it too");
}

/** A function is there before the first statement runs, also where its name held something else. */
function firstStatements(body: readonly TopLevel[], { plain, rename }: Context): string {
  const functions = body.map(withoutExport).filter((node) => node.type === "FunctionDeclaration");
  return functions
    .flatMap(({ id }) => id?.name ?? [])
    .map((name) => `${rename(name)} = Object.defineProperty(${hidden(name, plain)}, "name", { value: "${name}" });`)
    .join("");
}

/** What a function is called inside of the script, where nothing else may be called so. */
function hidden(name: string, { code }: Plain): string {
  let other = `${name}$function`;
  while (code.includes(other)) other += "$";
  return other;
}

function topEdits(node: TopLevel, context: Context): Edit[] {
  const inner = withoutExport(node);
  const { plain, rename } = context;
  const { code } = plain;
  const dropped = exportEdits(node, code);
  switch (inner.type) {
    case "VariableDeclaration":
      return [...dropped, ...variableEdits(inner, context)];
    case "FunctionDeclaration":
      if (!inner.id) return dropped;
      return [...dropped, { start: inner.id.start, end: inner.id.end, text: hidden(inner.id.name, plain) }];
    case "ClassDeclaration":
      if (!inner.id) return dropped;
      return [...dropped, insert(inner.start, `;${rename(inner.id.name)} = `), insert(inner.end, ";")];
    case "ImportDeclaration":
      return [importEdit(inner, context)];
    case "ExportNamedDeclaration":
      return [blank(code, inner.start, inner.end)];
    default:
      return dropped;
  }
}

/** Takes the words of an `export` away. What is exported by default and has no name is an expression, as a statement of its own. */
function exportEdits(node: TopLevel, code: string): Edit[] {
  const words = EXPORT.exec(code.slice(node.start))?.[0] ?? "";
  if (words === "") return [];
  const end = node.start + words.length;
  if (node.type !== "ExportDefaultDeclaration" || isNamed(node)) return [blank(code, node.start, end)];
  const text = `(${blanked(words).slice(1)}`;
  return [insert(node.start, ";"), { start: node.start, end, text }, insert(expressionEnd(node, code), ")")];
}

const EXPORT = /^export\b((\s|\/\*[\s\S]*?\*\/|\/\/.*)*default\b)?/;

const insert = (at: number, text: string): Edit => ({ start: at, end: at, text });
const blank = (code: string, start: number, end: number): Edit => ({
  start,
  end,
  text: blanked(code.slice(start, end)),
});

/** `const { a } = b` becomes the assignment `;( { a } = b)`: the semicolon, lest it be taken for a call. */
function variableEdits(node: VariableDeclaration, context: Context): Edit[] {
  const { plain, isFirst } = context;
  const keyword = plain.code.slice(node.start, node.declarations[0]!.id.start);
  const resets = node.kind !== "var" || plain.startsAnew;
  const call = /^(await )?using$/.test(node.kind) ? `${BRIDGE}.use(${node.kind === "await using"}, ` : undefined;
  const last = node.declarations.at(-1)!.end;
  return [
    { start: node.start, end: node.start + keyword.length, text: `;(${blanked(keyword).slice(2)}` },
    ...node.declarations.flatMap(({ id, init, end }) => {
      const anew = boundNames(id).map(isFirst).includes(true);
      if (!init) return resets && anew ? [insert(end, " = undefined")] : [];
      return call === undefined ? [] : [insert(init.start, call), insert(init.end, ")")];
    }),
    insert(last, ")"),
  ];
}

/** `var` inside of a statement declares a name of the top level too. */
function nestedEdits(node: VariableDeclaration, { code, program }: Plain): Edit[] {
  const parent = parentOf(program, node);
  const keyword = { start: node.start, end: node.declarations[0]!.id.start };
  const isHead = parent.type === "ForInStatement" || parent.type === "ForOfStatement";
  if (isHead) return [blank(code, keyword.start, keyword.end)];
  const isListed = parent.type === "BlockStatement" || parent.type === "SwitchCase";
  return [{ ...keyword, text: isListed ? ";(" : "(" }, insert(node.declarations.at(-1)!.end, ")")];
}

function parentOf(root: AnyNode, node: AnyNode): AnyNode {
  const inner = children(root).find(({ start, end }) => start <= node.start && node.end <= end);
  return inner === undefined || inner === node ? root : parentOf(inner, node);
}

/** An import becomes an assignment from what the bridge loads. */
function importEdit(node: ImportDeclaration, { plain, rename }: Context): Edit {
  const { specifiers, source, start, end } = node;
  const text = plain.code.slice(start, end);
  const lines = "\n".repeat(text.split("\n").length - 1);
  // Of `import { type A } from "b"` the stripper leaves `import { } from "b"`, which asks for types alone.
  if (specifiers.length === 0 && text.includes("{")) return { start, end, text: `;${blanked(text).slice(1)}` };
  const load = `await ${BRIDGE}.load(${JSON.stringify(source.value)})`;
  if (specifiers.length === 0) return { start, end, text: `${load};${lines}` };
  const all = specifiers.find((s) => s.type === "ImportNamespaceSpecifier");
  const inner = specifiers.flatMap((s) => {
    if (s.type === "ImportNamespaceSpecifier") return [];
    const imported = s.type === "ImportDefaultSpecifier" ? "default" : nameOf(s.imported);
    return [`${JSON.stringify(imported)}: ${rename(s.local.name)}`];
  });
  const whole = all === undefined ? load : `${rename(all.local.name)} = ${load}`;
  const assigned = inner.length === 0 ? whole : `{ ${inner.join(", ")} } = ${whole}`;
  return { start, end, text: `;(${assigned});${lines}` };
}

const nameOf = (node: { type: string; name?: string; value?: unknown }): string => node.name ?? String(node.value);

function renames(plain: Plain, rename: Context["rename"]): Edit[] {
  return topReferences(plain.program)
    .filter(({ name }) => rename(name) !== name)
    .map(({ name, start, end, isShort }) => ({
      start,
      end,
      text: isShort ? `${name}: ${rename(name)}` : rename(name),
    }));
}

/** `import()` and `import.meta` go through the bridge. */
function bridged({ program }: Plain): Edit[] {
  const edits: Edit[] = [];
  const visit = (node: AnyNode): void => {
    const { start } = node;
    if (node.type === "ImportExpression") edits.push({ start, end: start + "import".length, text: `${BRIDGE}.load` });
    if (node.type === "MetaProperty" && node.meta.name === "import")
      edits.push({ start, end: node.end, text: `${BRIDGE}.meta` });
    for (const child of children(node)) visit(child);
  };
  visit(program);
  return edits;
}

/** The last statement, if it is an expression, gives the cell's value. In a list, lest what has a `then` be waited for. */
function valueEdits(body: readonly TopLevel[], code: string): Edit[] {
  const last = body.findLast((node) => node.type !== "EmptyStatement");
  if (last === undefined) return [];
  const isDefault = last.type === "ExportDefaultDeclaration" && !isNamed(last);
  if (!isDefault && last.type !== "ExpressionStatement") return [];
  return [insert(last.start, ";return [("), insert(expressionEnd(last, code), ")]")];
}

const expressionEnd = ({ end }: TopLevel, code: string): number => (code[end - 1] === ";" ? end - 1 : end);

/** True for a function or a class that is exported by default under a name. */
function isNamed({ declaration }: ExportDefaultDeclaration): boolean {
  return /Declaration$/.test(declaration.type) && "id" in declaration && declaration.id != null;
}
