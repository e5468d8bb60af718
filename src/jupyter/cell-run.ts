/**
 * Which cell is running: every output and every timer finds the cell that caused it, also after an await and after the
 * cell has returned. An interrupted cell can start nothing more.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { OutputEvent } from "../notebook/outputs.ts";
import type { CommMessage } from "./comm-message.ts";

/** One execution of one cell, or one message of a comm that its listeners deal with. */
export interface CellRun {
  readonly count: number;
  emit(event: OutputEvent): void;
  /** Sends to the front end; missing where none is there to hear. */
  readonly sendComm?: (message: CommMessage) => void;
  /** Cancels of the timers that the cell has waiting. */
  readonly timers: Map<unknown, () => void>;
  interrupted: boolean;
}

const current = new AsyncLocalStorage<CellRun>();
let latest: CellRun | undefined;

/** Runs a function as part of a cell. */
export function within<T>(run: CellRun, body: () => T): T {
  latest = run;
  return current.run(run, body);
}

/** The cell whose code is running now, or the last one started where nothing tells. */
export const currentRun = (): CellRun | undefined => current.getStore() ?? latest;

/** Thrown into what is left of a cell after its interruption. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Puts out an event for the cell that is running; ends the remains of an interrupted cell. */
export const emit = (event: OutputEvent): void => liveRun()?.emit(event);

/** Sends a comm's message for the cell that is running; ends the remains of an interrupted cell. */
export const emitComm = (message: CommMessage): void => liveRun()?.sendComm?.(message);

function liveRun(): CellRun | undefined {
  const run = currentRun();
  if (run?.interrupted) throw new Interrupted("the cell was interrupted");
  return run;
}

/** Marks a cell interrupted and drops what it was waiting for. */
export function interruptRun(run: CellRun): void {
  run.interrupted = true;
  for (const cancel of run.timers.values()) cancel();
  run.timers.clear();
}
