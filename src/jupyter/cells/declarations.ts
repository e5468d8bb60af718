/**
 * Makes the declarations of a script fit the names that earlier scripts left: the engine lets a name be declared again
 * only as what it first was, a variable of the scripts (`let`, `const`, `class`) or a property of the global object.
 */
import type * as TypeScript from "typescript";
import type { Edit } from "./edits.ts";
import { loadTypeScript } from "./typescript.ts";

/** How a name is known to the engine: script scope or property of the global object. */
export type Binding = "lexical" | "global";

/** What a script declares at its top level, and the edits that make it fit. */
interface Fitted {
  readonly edits: readonly Edit[];
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Statements to run before all others. */
  readonly first: string;
}

interface Declared {
  readonly names: readonly string[];
  readonly natural: Binding;
  /** True if the declaration can never stay as it is. */
  readonly isAlways: boolean;
  /** The edits that declare the names in a certain way, and what must be run first. */
  fit(binding: Binding, isFirst: boolean): { readonly edits: readonly Edit[]; readonly first?: string };
}

/**
 * Fits a script of JavaScript to what earlier scripts have declared. With `startsAnew` a `var` without a value is an enum
 * or a namespace, which must not find what a former one left.
 */
export function fitDeclarations(
  file: TypeScript.SourceFile,
  known: ReadonlyMap<string, Binding>,
  startsAnew: boolean,
): Fitted {
  const edits: Edit[] = [];
  const bindings = new Map<string, Binding>();
  let first = "";
  for (const statement of file.statements) {
    const declared = declaration(statement, file, startsAnew);
    if (declared === undefined) continue;
    const before = declared.names.map((name) => bindings.get(name) ?? known.get(name)).find((b) => b !== undefined);
    const binding = before ?? declared.natural;
    const isFirst = !declared.names.some((name) => bindings.has(name));
    for (const name of declared.names) bindings.set(name, binding);
    if (binding === declared.natural && !declared.isAlways) continue;
    const fitted = declared.fit(binding, isFirst);
    edits.push(...fitted.edits);
    first += fitted.first ?? "";
  }
  return { edits, bindings, first };
}

function declaration(
  statement: TypeScript.Statement,
  file: TypeScript.SourceFile,
  startsAnew: boolean,
): Declared | undefined {
  const ts = loadTypeScript();
  if (ts.isVariableStatement(statement)) return variables(statement, file, startsAnew);
  if (ts.isFunctionDeclaration(statement) && statement.name !== undefined) return functions(statement.name, file);
  if (ts.isClassDeclaration(statement) && statement.name !== undefined) return classes(statement, statement.name, file);
  return undefined;
}

/** A function is there before the first statement runs, and stays so when it becomes the value of a variable. */
function functions(name: TypeScript.Identifier, file: TypeScript.SourceFile): Declared {
  const other = `${name.text}$function`;
  const named = `Object.defineProperty(${other}, "name", { value: "${name.text}" })`;
  return {
    names: [name.text],
    natural: "global",
    isAlways: false,
    fit: (binding) => ({
      edits: [{ start: name.getStart(file), end: name.end, text: other }],
      first: `${keyword(binding)} ${name.text} = ${named};`,
    }),
  };
}

function classes(node: TypeScript.ClassDeclaration, { text }: TypeScript.Identifier, file: TypeScript.SourceFile) {
  const start = node.getStart(file);
  return {
    names: [text],
    natural: "lexical",
    isAlways: false,
    fit: (binding) => ({
      edits: [
        { start, end: start, text: `${keyword(binding)} ${text} = ` },
        { start: node.end, end: node.end, text: ";" },
      ],
    }),
  } satisfies Declared;
}

function variables(
  statement: TypeScript.VariableStatement,
  file: TypeScript.SourceFile,
  startsAnew: boolean,
): Declared {
  const ts = loadTypeScript();
  const list = statement.declarationList;
  const isVar = (list.flags & ts.NodeFlags.BlockScoped) === 0;
  const isConst = (list.flags & ts.NodeFlags.Const) !== 0;
  const resets = !isVar || startsAnew;
  const empty = resets ? list.declarations.filter(({ initializer }) => initializer === undefined) : [];
  const start = list.getStart(file);
  return {
    names: list.declarations.flatMap((d) => boundNames(d.name)),
    natural: isVar ? "global" : "lexical",
    // The engine lets no `const` follow a `let`; that nobody writes to one is the type check's business.
    isAlways: isConst || empty.length > 0,
    fit: (binding, isFirst) => ({
      edits: [
        { start, end: start + (isVar || !isConst ? 3 : 5), text: keyword(binding).padEnd(isConst ? 5 : 3) },
        ...(isFirst ? empty.map(({ end }) => ({ start: end, end, text: " = undefined" })) : []),
      ],
    }),
  };
}

const keyword = (binding: Binding): string => (binding === "lexical" ? "let" : "var");

function boundNames(name: TypeScript.BindingName): string[] {
  const ts = loadTypeScript();
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((e) => (ts.isBindingElement(e) ? boundNames(e.name) : []));
}
