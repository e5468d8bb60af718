/**
 * Where things are: the project that this kernel belongs to. Notebooks may be anywhere.
 */
import { fileURLToPath } from "node:url";

/** The project's root folder, without a slash at the end. */
export const PROJECT_ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Names that a cell imports from the project itself, wherever the notebook is, and the files behind them. */
export const PROJECT_MODULES: Readonly<Record<string, string>> = {
  ptlab: `${PROJECT_ROOT}/src/index.ts`,
  "ptlab/jupyter": `${PROJECT_ROOT}/src/jupyter/display.ts`,
};

/** True for a name as packages have them: neither a path, nor a URL, nor a module of Node. */
export const isBare = (specifier: string): boolean => !/^(\.|\/|#|[a-z]+:)/.test(specifier);
