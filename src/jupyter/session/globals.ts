/**
 * Variables of cells as properties of the global object: all scripts find them without a word, and fast. Unlike the engine's
 * own variables of scripts they can be declared again as anything, and taken away where a cell did not come to them.
 */

/** By some of these, libraries tell in which realm they are. */
const PROBED = ["process", "Buffer", "global", "window", "document", "require", "module", "exports", "define"];

/** Names that libraries look for, or that the realm has before any cell has run: a cell's variable is called otherwise. */
export function takenNames(): ReadonlySet<string> {
  const names = new Set(PROBED);
  for (let object: object | null = globalThis; object !== null; object = Object.getPrototypeOf(object))
    for (const name of Object.getOwnPropertyNames(object)) names.add(name);
  return names;
}

const SUFFIX = "$cell";

/** What a cell's variable is called at run time. No two share a name: one that is called `fetch$cell` gets another in its turn. */
export const globalName = (name: string, taken: ReadonlySet<string>): string =>
  isTaken(name, taken) ? name + SUFFIX : name;

const isTaken = (name: string, taken: ReadonlySet<string>): boolean =>
  taken.has(name) || (name.endsWith(SUFFIX) && isTaken(name.slice(0, -SUFFIX.length), taken));

/** Makes names exist before the first statement runs; what they hold from earlier cells stays. */
export function defineVariables(names: readonly string[]): void {
  for (const name of names) if (!Object.hasOwn(globalThis, name)) define(name, undefined);
}

function define(name: string, value: unknown): void {
  unset.delete(name);
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

const unset = new Set<string>();

/** Readies names that exist from their declaration on; what they hold from earlier cells stays until then. */
export function announce(names: readonly string[]): void {
  for (const name of names) if (!Object.hasOwn(globalThis, name)) defineUnset(name);
}

/** A name that is none yet: to read it is an error, to write it declares it. Strict code may not write to a name that is not there. */
function defineUnset(name: string): void {
  unset.add(name);
  const get = () => {
    const error = new ReferenceError(`${name} is not defined`);
    Error.captureStackTrace(error, get);
    throw error;
  };
  const set = (value: unknown) => define(name, value);
  Object.defineProperty(globalThis, name, { get, set, configurable: true });
}

/** Takes away the names that the cell did not come to. */
export function dropUnset(): void {
  forget(unset);
  unset.clear();
}

/** Takes names away. */
export function forget(names: Iterable<string>): void {
  for (const name of names) delete (globalThis as Record<string, unknown>)[name];
}
