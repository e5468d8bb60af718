/**
 * What happens when a cell's code has run, wherever it ran: what it was using is disposed of, its value is shown, its error
 * is told.
 */
import type { Host } from "../../figure/figure.ts";
import type { ExecuteResult } from "../../notebook/session.ts";
import { present } from "../show/present.ts";
import type { Bridge } from "./bridge.ts";
import { type CellRun, emit, endRun, within } from "./run.ts";
import type { Failure } from "./trace.ts";

/** How a script ended. */
export type Outcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "thrown"; readonly error: unknown; readonly line?: number; readonly column?: number };

/** The outcome when all that the cell was using is disposed of. */
export async function disposed(run: CellRun, outcome: Outcome): Promise<Outcome> {
  try {
    await within(run, () => run.resources.disposeAsync());
    return outcome;
  } catch (error) {
    if (outcome.kind === "value") return { kind: "thrown", error };
    return { kind: "thrown", error: new SuppressedError(error, outcome.error, "error while disposing") };
  }
}

/** Puts out the value of a cell's last expression; nothing for one that was interrupted meanwhile. */
export async function showResult(run: CellRun, value: unknown, host: () => Promise<Host>): Promise<void> {
  const data = await within(run, () => present(value, host));
  if (run.interrupted || Object.keys(data).length === 0) return;
  run.emit({
    type: "output",
    output: { output_type: "execute_result", execution_count: run.count, data, metadata: {} },
  });
}

/** The bridge's `display`. */
export const displayWith =
  (host: () => Promise<Host>): Bridge["display"] =>
  async (value, { id, update = false } = {}) => {
    // What replaces a display comes often, and controls of what is gone would pile up.
    const data = await present(value, host, !update);
    if (update && id !== undefined) emit({ type: "update", displayId: id, data, metadata: {} });
    else emit({ type: "output", output: { output_type: "display_data", data, metadata: {} }, displayId: id });
  };

/** Puts out the failure of a cell, and ends it. */
export function report(run: CellRun, status: "error" | "aborted", failure: Failure): ExecuteResult {
  endRun(run, "error");
  run.emit({ type: "output", output: { output_type: "error", ...failure } });
  return { status, count: run.count, ...failure };
}
