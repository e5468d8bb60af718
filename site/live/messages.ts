// What the page and its simulation worker say to each other.
import type { FigureData } from "../../src/figure/figure.ts";
import type { LiveParams } from "../../src/figure/live.ts";

/** A question to the worker. Inputs are addresses to fetch, by the names under which the figure knows them. */
export interface Ask {
  readonly id: string;
  readonly params: LiveParams;
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * The name under which a data file is published for the simulator. Some servers unpack a file whose name ends in `.gz` on
 * its way, and the digest in a figure's stamp is of the bytes as they are.
 */
export const fetchName = (name: string): string => (name.endsWith(".gz") ? `${name}.bin` : name);

export type Answer =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "result"; readonly result: FigureData }
  | { readonly type: "error"; readonly message: string };
