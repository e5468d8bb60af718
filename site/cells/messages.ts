/**
 * What a page and its worker of cells say to each other.
 */
import type { Problem } from "../../src/jupyter/cells/checker.ts";
import type { OutputEvent } from "../../src/notebook/outputs.ts";

/** A cell to run. `problems` are those that a type check has found in it. */
export interface RunCell {
  readonly code: string;
  /** Number shown as `In[n]`. */
  readonly count: number;
  readonly problems: readonly Problem[];
}

/** What comes back: outputs of cells by their number, and that one has ended. */
export type CellNews =
  | { readonly type: "output"; readonly count: number; readonly event: OutputEvent }
  | { readonly type: "end"; readonly count: number; readonly isError: boolean };
