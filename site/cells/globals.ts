/**
 * Variables of cells as properties of the global object: found by every script without a word, and fast.
 */
import type { Script } from "./code/script.ts";

/** Makes the names exist that a cell is going to give values to; what they hold from earlier cells stays until then. */
export function prepare({ variables, constants }: Pick<Script, "variables" | "constants">): void {
  for (const name of variables) if (!Object.hasOwn(globalThis, name)) define(name, undefined);
  for (const name of constants) if (!Object.hasOwn(globalThis, name)) defineUnset(name);
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

const isUnset = Symbol("unset");

/** A name that is none yet: to read it is an error, to write it declares it. Strict code may not write to a name that is not there. */
function defineUnset(name: string): void {
  const get = () => {
    throw new ReferenceError(`${name} is not defined`);
  };
  const set = (value: unknown) => define(name, value);
  Object.defineProperty(globalThis, name, { get: Object.assign(get, { [isUnset]: true }), set, configurable: true });
}

/** Takes away the names that the cell did not come to. */
export function withoutUnset(names: readonly string[]): void {
  for (const name of names) {
    const getter = Object.getOwnPropertyDescriptor(globalThis, name)?.get as { [isUnset]?: true } | undefined;
    if (getter?.[isUnset]) forget([name]);
  }
}

/** Takes names away. */
export function forget(names: Iterable<string>): void {
  for (const name of names) delete (globalThis as Record<string, unknown>)[name];
}
