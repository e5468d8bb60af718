/**
 * How cells find and reload modules: relative to the notebook's folder, `ptlab` from anywhere, and an edited file is
 * loaded anew together with everything that imports it. Node keeps a module for good under its address, so a new
 * version gets a new address.
 */

import { type ResolveFnOutput, type ResolveHookContext, registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import vm from "node:vm";
import { kept } from "../../base/kept.ts";
import { fileStamp } from "../cells/on-disk.ts";
import { isBare, PROJECT_MODULES, PROJECT_ROOT } from "../paths.ts";

/** Loads modules for the cells of one folder. */
export interface ModuleLoader {
  load(specifier: string, options?: ImportCallOptions): Promise<unknown>;
  /** Looks for edited files; their next import, and that of all that depend on them, loads them anew. */
  refresh(): void;
  close(): void;
}

/** Marks an import as coming from a cell, which has no address of its own for Node to start from. */
const FROM_CELL = "ptlab-cell:";

interface Tracked {
  stamp: string;
  version: number;
  readonly importers: Set<string>;
}

/** The project's or the notebook's own files, which may be edited; packages are not. */
type Files = Map<string, Tracked>;

type Next = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput;

/** A loader for the cells of a folder. Its resolve hook stays in this process until `close`. */
export function createLoader(folder: string): ModuleLoader {
  const files: Files = new Map();
  const roots = [PROJECT_ROOT, folder].map((root) => `${root}/`);
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = resolveIn(folder, specifier, context, likeTypeScript(next));
      return withVersion(found, context.parentURL, files, roots);
    },
  });
  // A plain `import()` here would start from this file, and under a bundling test runner would not be Node's at all.
  const nodeImport = new vm.Script("(specifier, options) => import(specifier, options)", {
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext() as ModuleLoader["load"];
  return {
    load: (specifier, options = attributesOf(specifier)) => nodeImport(FROM_CELL + specifier, options),
    refresh: () => bumpEdited(files),
    close: () => hooks.deregister(),
  };
}

/** The type check knows JSON by its ending, Node by an attribute. */
const attributesOf = (specifier: string): ImportCallOptions | undefined =>
  specifier.endsWith(".json") ? { with: { type: "json" } } : undefined;

/** How TypeScript finds a file whose ending is not said, or is that of what it would be compiled to. */
function likeTypeScript(next: Next): Next {
  return (specifier, context) => {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!/^\.{0,2}\//.test(specifier)) throw error;
      const others = [`${specifier}.ts`, `${specifier}/index.ts`, specifier.replace(/\.js$/, ".ts")];
      for (const other of others)
        try {
          return next(other, context);
        } catch {
          // The next one; and the error of what was asked for if there is none.
        }
      throw error;
    }
  };
}

function resolveIn(folder: string, given: string, context: ResolveHookContext, next: Next): ResolveFnOutput {
  if (!given.startsWith(FROM_CELL)) return next(given, context);
  const specifier = given.slice(FROM_CELL.length);
  const own = Object.hasOwn(PROJECT_MODULES, specifier) ? PROJECT_MODULES[specifier] : undefined;
  if (own !== undefined) return next(pathToFileURL(own).href, context);
  const from = (root: string) => ({ ...context, parentURL: pathToFileURL(`${root}/cell.ts`).href });
  try {
    return next(specifier, from(folder));
  } catch (error) {
    if (!isBare(specifier) || (error as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return next(specifier, from(PROJECT_ROOT));
  }
}

function withVersion(found: ResolveFnOutput, parentURL: string | undefined, files: Files, roots: readonly string[]) {
  const path = ownPath(found.url, roots);
  if (path === undefined) return found;
  const entry = kept(files, path, () => ({ stamp: fileStamp(path), version: 0, importers: new Set() }));
  const importer = parentURL === undefined ? undefined : ownPath(parentURL, roots);
  if (importer !== undefined) entry.importers.add(importer);
  return entry.version === 0 ? found : { ...found, url: `${found.url}?v=${entry.version}` };
}

function ownPath(url: string, roots: readonly string[]): string | undefined {
  if (!url.startsWith("file:")) return undefined;
  const path = fileURLToPath(url.replace(/[?#].*$/, ""));
  return roots.some((root) => path.startsWith(root)) && !path.includes("/node_modules/") ? path : undefined;
}

function bumpEdited(files: Files): void {
  const stale = new Set<string>();
  for (const [path, entry] of files) {
    const stamp = fileStamp(path);
    if (stamp !== entry.stamp) addWithImporters(path, files, stale);
    entry.stamp = stamp;
  }
  for (const path of stale) {
    const entry = files.get(path);
    if (entry !== undefined) entry.version++;
  }
}

function addWithImporters(path: string, files: Files, into: Set<string>): void {
  if (into.has(path)) return;
  into.add(path);
  for (const importer of files.get(path)?.importers ?? []) addWithImporters(importer, files, into);
}
