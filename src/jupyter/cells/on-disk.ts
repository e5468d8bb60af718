/**
 * Cells whose imports are files of this machine, which may be edited between one cell and the next.
 */
import { statSync } from "node:fs";
import { PROJECT_MODULES, PROJECT_ROOT } from "../paths.ts";
import type { CellPlace } from "./place.ts";
import { loadTypeScript } from "./typescript.ts";

/** A folder of the disk, inside the project or elsewhere. */
export const onDisk = (folder: string): CellPlace => ({
  folder,
  root: PROJECT_ROOT,
  modules: PROJECT_MODULES,
  host: (options) => loadTypeScript().createCompilerHost(options),
  stamp: fileStamp,
});

/** Differs whenever the file was written or replaced; empty while there is none. */
export function fileStamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}
