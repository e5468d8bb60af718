/**
 * What the kernel's own code uses of Node, for a worker in which one cell runs at a time. Only what that code imports is here.
 */
import { readFileSync } from "./fs.ts";

/** Knows who runs until the next one does: here, nothing runs beside a cell. */
export class AsyncLocalStorage<T> {
  #store: T | undefined;

  run<R>(store: T, body: () => R): R {
    this.#store = store;
    return body();
  }

  getStore(): T | undefined {
    return this.#store;
  }
}

let made = 0;

/** An id of which this worker has no other. `crypto.randomUUID` is missing where a page is served without encryption. */
export const randomUUID = (): string => `page-${++made}`;

/** A turn of the event loop later. */
export const setImmediate = (callback: () => void): unknown => setTimeout(callback, 0);

/** A file's content, in time. */
export const readFile = async (path: string): Promise<Uint8Array> => readFileSync(path) as Uint8Array;

/** The root under which the kernel's code looks for data. */
export const PROJECT_ROOT = "/ptlab";
