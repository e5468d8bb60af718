// What the page and its simulation worker say to each other.
import type { FigureData } from "../../src/figure/figure.ts";
import type { LiveParams } from "../../src/figure/live.ts";

/** A file that the reader has given. No two have the same number. */
export interface GivenFile {
  readonly number: number;
  readonly file: File;
}

/** A question to the worker. Inputs are addresses to fetch or files to read, by the names under which the figure knows them. */
export interface Ask {
  readonly id: string;
  readonly params: LiveParams;
  readonly inputs: Readonly<Record<string, string | GivenFile>>;
}

/**
 * The name under which a data file is published for the simulator. Some servers unpack a file whose name ends in `.gz` on
 * its way, and the digest in a figure's stamp is of the bytes as they are.
 */
export const fetchName = (name: string): string => (name.endsWith(".gz") ? `${name}.bin` : name);

/** What the worker tells of the question that it is answering. */
export type Answer =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "result"; readonly result: FigureData }
  | { readonly type: "error"; readonly message: string };
