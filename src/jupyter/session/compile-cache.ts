/**
 * Node's cache of compiled code. With it, TypeScript's compiler is there in a third of the time, and the kernel's own
 * files need not be stripped of their types anew. To be called before anything large is loaded.
 */
import { enableCompileCache, flushCompileCache } from "node:module";
import { setTimeout } from "node:timers";
import { PROJECT_ROOT } from "../paths.ts";

/** Beside the packages and not in the folder for temporary files, where others could put code for us to run. */
const FOLDER = `${PROJECT_ROOT}/node_modules/.cache/ptlab`;

/** When what was compiled is stored, in milliseconds; not at the end, since these processes are killed. */
const STORE_AFTER = 5000;

/** Turns the cache on for this process, and stores in it what the process needs to start. */
export function useCompileCache(): void {
  enableCompileCache(FOLDER);
  setTimeout(flushCompileCache, STORE_AFTER).unref();
}
