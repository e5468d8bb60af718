/**
 * A session runs notebook cells one after another and reports what they put out. Only the contract is here; the session
 * that runs TypeScript is in `jupyter/`.
 */
import type { OutputEvent } from "./outputs.ts";

/** How one cell is run. */
export interface ExecuteOptions {
  /**
   * Called for everything the cell puts out, in order. Work that a cell leaves running may call it after `execute` has
   * returned, even while a later cell runs: what it prints still belongs to the cell that started it.
   */
  onOutput(event: OutputEvent): void;
  /** Interrupts the cell, busy or awaiting; its status is then `aborted` and the session lives on. */
  readonly signal?: AbortSignal;
  /** Number shown as `In[n]` in errors and as execution count of the result; by default one more than the last. */
  readonly count?: number;
}

/** How a cell ended. The error is also put out as an output, before this is returned. */
export interface ExecuteResult {
  readonly status: "ok" | "error" | "aborted";
  readonly count: number;
  readonly ename?: string;
  readonly evalue?: string;
  /** Lines with ANSI colours, as Jupyter's are. */
  readonly traceback?: readonly string[];
}

/** Runs cells in order; variables of one cell are seen by the next. */
export interface Session {
  execute(code: string, options: ExecuteOptions): Promise<ExecuteResult>;
  close(): Promise<void>;
}
