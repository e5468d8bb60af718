/**
 * What the check of cells needs of its surroundings, so that the same check runs over a disk and in a browser.
 */
import type { CompilerHost, CompilerOptions } from "typescript";

/** Where cells are checked, and the files that they import. */
export interface CellPlace {
  /** The folder at which relative imports of cells start. */
  readonly folder: string;
  /** The project's root folder: its packages are there for every notebook. */
  readonly root: string;
  /** Names that a cell imports from the project itself, and the files behind them. */
  readonly modules: Readonly<Record<string, string>>;
  /** Where the compiler reads files. */
  host(options: CompilerOptions): CompilerHost;
  /** Differs whenever the file was written or replaced; empty while there is none. */
  stamp(path: string): string;
}
