/**
 * What a session of cells asks of a type checker, wherever that runs.
 */
import type { Problem } from "../../src/jupyter/cells/checker.ts";

export type { Problem };

/** Checks cells one after another, each in the scope of those that were committed. */
export interface Checker {
  /** The cell's errors of type and syntax; none for one that may run. */
  check(code: string): Promise<readonly Problem[]>;
  /** Lets later cells see what the cell declares: it is going to run. */
  commit(code: string): Promise<void>;
}
