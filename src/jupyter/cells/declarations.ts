/**
 * Makes what a script declares at its top level global variables, which all later scripts may declare again as anything.
 * The engine's own variables of scripts (`let`, `const`, `class`) stay what they first were, also where an error came
 * before their declaration, which no later script can mend.
 */
import type * as TypeScript from "typescript";
import type { Edit } from "./edits.ts";
import { loadTypeScript } from "./typescript.ts";

/** The edits that make a script's declarations global, and what they declare. */
interface Fitted {
  readonly edits: readonly Edit[];
  /** Names that exist from their declaration on. */
  readonly constants: readonly string[];
}

interface Declared {
  readonly names: readonly string[];
  /** They exist from the script's start, as a `var` and a function do. */
  readonly isHoisted: boolean;
  /** `isFirst` where no name was declared further above in the script. */
  edits(isFirst: boolean): readonly Edit[];
}

/**
 * Makes the declarations of a script of JavaScript global ones. With `startsAnew` a `var` without a value is an enum or a
 * namespace, which must not find what a former one left.
 */
export function fitDeclarations(file: TypeScript.SourceFile, startsAnew: boolean): Fitted {
  const edits: Edit[] = [];
  const hoisted = new Set<string>();
  const constants = new Set<string>();
  for (const statement of file.statements) {
    const declared = declaration(statement, file, startsAnew);
    if (declared === undefined) continue;
    edits.push(...declared.edits(!declared.names.some((name) => hoisted.has(name))));
    for (const name of declared.names) {
      refuseTwice(name, declared.isHoisted ? [constants] : [constants, hoisted]);
      (declared.isHoisted ? hoisted : constants).add(name);
    }
  }
  return { edits, constants: [...constants] };
}

/** In the engine's words, which sees no mistake in it any more. */
function refuseTwice(name: string, others: readonly ReadonlySet<string>[]): void {
  if (others.some((names) => names.has(name))) throw new SyntaxError(`Identifier '${name}' has already been declared`);
}

function declaration(
  statement: TypeScript.Statement,
  file: TypeScript.SourceFile,
  startsAnew: boolean,
): Declared | undefined {
  const ts = loadTypeScript();
  if (ts.isVariableStatement(statement)) return variables(statement, file, startsAnew);
  if (ts.isClassDeclaration(statement) && statement.name !== undefined) return classes(statement, statement.name, file);
  if (ts.isFunctionDeclaration(statement) && statement.name !== undefined)
    return { names: [statement.name.text], isHoisted: true, edits: () => [] };
  return undefined;
}

function classes(
  node: TypeScript.ClassDeclaration,
  { text }: TypeScript.Identifier,
  file: TypeScript.SourceFile,
): Declared {
  const start = node.getStart(file);
  const edits = [
    { start, end: start, text: `var ${text} = ` },
    { start: node.end, end: node.end, text: ";" },
  ];
  return { names: [text], isHoisted: false, edits: () => edits };
}

function variables(
  statement: TypeScript.VariableStatement,
  file: TypeScript.SourceFile,
  startsAnew: boolean,
): Declared {
  const ts = loadTypeScript();
  const { declarations, flags } = statement.declarationList;
  const isVar = (flags & ts.NodeFlags.BlockScoped) === 0;
  const start = statement.declarationList.getStart(file);
  const word = { start, end: start + 3, text: "var" };
  const keyword = (flags & ts.NodeFlags.Const) === 0 ? word : { ...word, end: start + 5, text: "var  " };
  const empty = isVar && !startsAnew ? [] : declarations.filter(({ initializer }) => initializer === undefined);
  const values = empty.map((d) => {
    // A value goes on with what the next line begins with; a name alone does not.
    const isLast = d === declarations.at(-1);
    return { start: d.end, end: d.end, text: ` = undefined${isLast ? ";" : ""}` };
  });
  return {
    names: declarations.flatMap((d) => boundNames(d.name)),
    isHoisted: isVar,
    edits: (isFirst) => [...(isVar ? [] : [keyword]), ...(isFirst ? values : [])],
  };
}

function boundNames(name: TypeScript.BindingName): string[] {
  const ts = loadTypeScript();
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((e) => (ts.isBindingElement(e) ? boundNames(e.name) : []));
}
