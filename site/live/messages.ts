// What the page and its simulation worker say to each other.
import type { FigureData } from "../../src/figure/figure.ts";
import type { LiveParams } from "../../src/figure/live.ts";

/** A question to the worker. Inputs are addresses to fetch, by the names under which the figure knows them. */
export interface Ask {
  readonly id: string;
  readonly params: LiveParams;
  readonly inputs: Readonly<Record<string, string>>;
}

export type Answer =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "result"; readonly result: FigureData }
  | { readonly type: "error"; readonly message: string };
