/**
 * From a cell's TypeScript to the script that runs it: imports become awaited dynamic imports, types are taken away, and
 * declarations become those of global variables. Every line keeps its number, or a map tells it.
 */
import { SourceMap, stripTypeScriptTypes } from "node:module";
import type * as TypeScript from "typescript";
import { BRIDGE } from "../session/bridge.ts";
import { fitDeclarations } from "./declarations.ts";
import { dropped, type Edit, edited, offsetAt, type Place, placeAt } from "./edits.ts";
import { without } from "./exports.ts";
import { importEdits } from "./imports.ts";
import type { Names } from "./names.ts";
import { loadTypeScript, parse } from "./typescript.ts";

/** A cell that is ready to run. */
export interface Script {
  readonly code: string;
  /** The place in the cell of a place in the script. */
  origin(place: Place): Place;
  /** True if the cell ends with an expression, whose value is then the cell's result. */
  readonly endsWithExpression: boolean;
  /** Global names that exist from their declaration on. */
  readonly constants: readonly string[];
}

/** The script of a cell. `names` are those that are called otherwise at run time. */
export function toScript(code: string, names: Names): Script {
  const file = parse(code, "cell.ts");
  const imported = edited(code, sourceEdits(file, names));
  const plain = strip(imported.text, file);
  const fitted = fitDeclarations(parse(plain.code, "cell.js"), plain.isWritten);
  // Modules are strict, and the script is all that is left of one.
  const prefix = { start: 0, end: 0, text: `"use strict";` };
  const script = edited(plain.code, [prefix, ...fitted.edits]);
  const origin = (place: Place): Place => {
    const before = plain.origin(placeAt(plain.code, script.origin(offsetAt(script.text, place))));
    return placeAt(code, imported.origin(offsetAt(imported.text, before)));
  };
  return { code: script.text, origin, constants: fitted.constants, endsWithExpression: endsWithExpression(file) };
}

function sourceEdits(file: TypeScript.SourceFile, names: Names): Edit[] {
  refuseReExports(file);
  const imports = importEdits(file, (name) => names.get(name.getStart(file))?.text ?? name.text);
  const types = typeMembers(file).map((member) => dropped(file.text, member.getStart(file), member.end));
  const classes = file.statements.filter((statement) => isHiddenClass(statement, file, names));
  const renames = [...names.values()].filter(
    (e) => ![...imports, ...types].some((other) => isWithin(e, other)) && !classes.some((c) => isOwnName(e, c, file)),
  );
  const using = file.statements.flatMap((statement) => usingEdits(statement, file));
  return [...imports, ...types, ...renames, ...using, ...classes.flatMap((c) => classEdits(c, file, names))];
}

/** Members of classes that only types have. The stripper leaves what stands around them unended. */
function typeMembers(file: TypeScript.SourceFile): readonly TypeScript.ClassElement[] {
  const ts = loadTypeScript();
  const found: TypeScript.ClassElement[] = [];
  const visit = (node: TypeScript.Node): void => {
    if (ts.isClassElement(node) && isOfTypes(node)) found.push(node);
    else ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function isOfTypes(node: TypeScript.ClassElement): boolean {
  const ts = loadTypeScript();
  const { Abstract, Ambient } = ts.ModifierFlags;
  if (ts.isPropertyDeclaration(node)) return (ts.getCombinedModifierFlags(node) & (Abstract | Ambient)) !== 0;
  return ts.isFunctionLike(node) && "parameters" in node && !("body" in node && node.body !== undefined);
}

const isWithin = (inner: Edit, outer: Edit): boolean => outer.start <= inner.start && inner.start < outer.end;

type NamedClass = TypeScript.ClassDeclaration & { readonly name: TypeScript.Identifier };

/** A class that is called otherwise: inside, and where it is printed, it keeps its name. */
function isHiddenClass(node: TypeScript.Statement, file: TypeScript.SourceFile, names: Names): node is NamedClass {
  return loadTypeScript().isClassDeclaration(node) && node.name !== undefined && names.has(node.name.getStart(file));
}

const isOwnName = ({ start, end }: Edit, { pos, end: last, name }: NamedClass, file: TypeScript.SourceFile): boolean =>
  pos <= start && start < last && file.text.slice(start, end) === name.text;

function classEdits(node: NamedClass, file: TypeScript.SourceFile, names: Names): Edit[] {
  const ts = loadTypeScript();
  const start = node.getStart(file);
  // Only a declaration can be abstract.
  const word = ts.getModifiers(node)?.find(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword);
  return [
    { start, end: start, text: `const ${names.get(node.name.getStart(file))!.text} = ` },
    ...(word === undefined ? [] : [without(word, file)]),
    { start: node.end, end: node.end, text: ";" },
  ];
}

function refuseReExports(file: TypeScript.SourceFile): void {
  if (file.statements.some((statement) => loadTypeScript().isExportDeclaration(statement)))
    throw new SyntaxError("a cell has nowhere to export another module to: import from it, and later cells see it too");
}

/** What a cell is `using` is handed to the bridge, which disposes of it at the cell's end. */
function usingEdits(statement: TypeScript.Statement, file: TypeScript.SourceFile): Edit[] {
  const ts = loadTypeScript();
  if (!ts.isVariableStatement(statement)) return [];
  const { declarations, flags } = statement.declarationList;
  const kind = flags & ts.NodeFlags.BlockScoped;
  if (kind !== ts.NodeFlags.Using && kind !== ts.NodeFlags.AwaitUsing) return [];
  const start = statement.getStart(file);
  const call = `${BRIDGE}.use(${kind === ts.NodeFlags.AwaitUsing}, `;
  return [
    { start, end: declarations[0]!.getStart(file), text: "let " },
    ...declarations.flatMap(({ initializer }) =>
      initializer === undefined
        ? []
        : [
            { start: initializer.getStart(file), end: initializer.getStart(file), text: call },
            { start: initializer.end, end: initializer.end, text: ")" },
          ],
    ),
  ];
}

interface Plain {
  readonly code: string;
  /** True if it was written anew, with variables for enums and namespaces. */
  readonly isWritten: boolean;
  origin(place: Place): Place;
}

/** Stripping keeps every place; what needs code of its own, such as an enum, is written by TypeScript, with a map. */
function strip(code: string, file: TypeScript.SourceFile): Plain {
  if (hasDecorator(file)) return transpile(code);
  try {
    return { code: stripTypeScriptTypes(code), isWritten: false, origin: (place) => place };
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") throw error;
    return transpile(code);
  }
}

function hasDecorator(file: TypeScript.SourceFile): boolean {
  const ts = loadTypeScript();
  const find = (node: TypeScript.Node): true | undefined => ts.isDecorator(node) || ts.forEachChild(node, find);
  return file.text.includes("@") && find(file) === true;
}

const MODULE_MARK = "\nexport {};";

function transpile(code: string): Plain {
  const ts = loadTypeScript();
  const compilerOptions = { target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.ESNext, sourceMap: true };
  // Only a module may await at its top level.
  const built = ts.transpileModule(code + MODULE_MARK, { compilerOptions });
  const map = new SourceMap(JSON.parse(built.sourceMapText!));
  return {
    code: built.outputText.replace(/^export \{\};\n\/\/# sourceMappingURL=.*$/m, ""),
    isWritten: true,
    origin: ({ line, column }) => {
      const entry = map.findEntry(line - 1, column - 1);
      return "originalLine" in entry
        ? { line: entry.originalLine + 1, column: entry.originalColumn + 1 }
        : { line, column };
    },
  };
}

/** Told from the cell and not from the script, whose last statement may be another one. */
function endsWithExpression(file: TypeScript.SourceFile): boolean {
  const ts = loadTypeScript();
  const last = file.statements.findLast((statement) => !ts.isEmptyStatement(statement));
  return last !== undefined && ts.isExpressionStatement(last);
}
