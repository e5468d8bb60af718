/**
 * Names that a cell must not declare at its top level. A cell's variables live in the scope of the whole process, so
 * `const Map = 1` would take `Map` from Node, from the kernel and from every package.
 */
import type { Script } from "./cell-source.ts";
import type { Failure } from "./trace.ts";

/** The global names as they are before any cell has run. */
export const reservedNames = (): ReadonlySet<string> => new Set(Object.getOwnPropertyNames(globalThis));

/** The failure of a cell that declares a reserved name, or undefined if it declares none. */
export function takenName(script: Script, reserved: ReadonlySet<string>): Failure | undefined {
  const name = [...script.bindings.keys()].find((n) => reserved.has(n));
  if (name === undefined) return undefined;
  const evalue = `'${name}' is a global of Node; name the variable otherwise, or declare it inside a function or { }`;
  return { ename: "NameTaken", evalue, traceback: [`\x1b[31mNameTaken\x1b[39m: ${evalue}`] };
}
