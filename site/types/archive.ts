/**
 * The files of the type environment in memory: what the check of cells has in a browser instead of a disk.
 */
import type { CellPlace } from "../../src/jupyter/cells/place.ts";
import { loadTypeScript } from "../../src/jupyter/cells/typescript.ts";

/** The texts of files by their path. */
export type Archive = Readonly<Record<string, string>>;

/** The project's root folder inside of an archive. */
export const ARCHIVE_ROOT = "/ptlab";

/** What the project's own modules are in an archive. */
export const ARCHIVE_MODULES = {
  ptlab: `${ARCHIVE_ROOT}/src/index.d.ts`,
  "ptlab/jupyter": `${ARCHIVE_ROOT}/src/jupyter/display.d.ts`,
};

/** A notebook's folder whose files are those of an archive. */
export function inArchive(archive: Archive): CellPlace {
  const files = new Map(Object.entries(archive));
  const folders = new Set([...files.keys()].flatMap(foldersOf));
  return {
    folder: `${ARCHIVE_ROOT}/notebooks`,
    root: ARCHIVE_ROOT,
    modules: ARCHIVE_MODULES,
    host(options) {
      const ts = loadTypeScript();
      const library = `${ARCHIVE_ROOT}/node_modules/typescript/lib`;
      return {
        getSourceFile(name, version) {
          const text = files.get(name);
          return text === undefined ? undefined : ts.createSourceFile(name, text, version);
        },
        getDefaultLibFileName: () => `${library}/${ts.getDefaultLibFileName(options)}`,
        getDefaultLibLocation: () => library,
        getCurrentDirectory: () => ARCHIVE_ROOT,
        getCanonicalFileName: (name) => name,
        useCaseSensitiveFileNames: () => true,
        getNewLine: () => "\n",
        fileExists: (name) => files.has(name),
        readFile: (name) => files.get(name),
        directoryExists: (name) => folders.has(name),
        writeFile() {},
      };
    },
    stamp: () => "",
  };
}

/** All folders above a file. */
function foldersOf(path: string): string[] {
  const names = path.split("/").slice(1, -1);
  return names.map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
}
