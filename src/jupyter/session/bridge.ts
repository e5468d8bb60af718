/**
 * The one door between a running cell and the kernel around it: an object under a registered symbol, so that no name
 * of a cell can collide with it.
 */

import type { Comms } from "../widgets/comms.ts";
import type { Question } from "./run.ts";

const KEY = Symbol.for("ptlab.jupyter");

/** How a cell's script writes the bridge. */
export const BRIDGE = 'globalThis[Symbol.for("ptlab.jupyter")]';

/** What cells reach through the bridge. */
export interface Bridge {
  /** The dynamic import of cells, relative to the notebook's folder. */
  load(specifier: string, options?: ImportCallOptions): Promise<unknown>;
  /** The `require` of cells, from the same folder. */
  readonly require: NodeJS.Require;
  /** Gives back what a cell is using, and disposes of it at the cell's end; `isAsync` for `await using`. */
  use(isAsync: boolean, resource: unknown): unknown;
  /** What `import.meta` is in a cell. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** Hands a value from the inspector to the kernel. */
  take(value: unknown): void;
  /** Shows a mime bundle at this place of the cell's output. */
  display(value: unknown, options?: { readonly id?: string; readonly update?: boolean }): Promise<void>;
  clear(wait: boolean): void;
  /** Puts a question to the front end; a failure's traceback starts at `caller`. */
  ask(question: Question, caller: (...args: never[]) => unknown): Promise<string>;
  readonly comms: Comms;
}

/** Puts the bridge of a session in place of the one before; there is one session at a time in a process. */
export function setBridge(bridge: Bridge | undefined): void {
  Object.defineProperty(globalThis, KEY, { value: bridge, configurable: true, enumerable: false, writable: true });
}

/** The bridge of the running session, or undefined where no session runs. */
export const getBridge = (): Bridge | undefined => (globalThis as { [KEY]?: Bridge })[KEY];
