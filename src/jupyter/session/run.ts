/**
 * Which cell is running: every output and every timer finds the cell that caused it, also after an await and after the
 * cell has returned. An interrupted cell can start nothing more.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { kept } from "../../base/kept.ts";
import type { OutputEvent } from "../../notebook/outputs.ts";
import type { CommMessage } from "../widgets/comm-message.ts";

/** A question that a cell puts to the person at the front end. */
export interface Question {
  readonly prompt: string;
  /** The answer is a secret: it is not shown while it is typed. */
  readonly password: boolean;
}

/** How code of a cell ended. */
export type RunEnd = "ok" | "error" | "interrupted";

/** One execution of one cell, or one message of a comm that its listeners deal with. */
export interface CellRun {
  readonly count: number;
  /** The front end's name for the cell; missing where it tells none, and for what is no cell. */
  readonly cell?: string;
  emit(event: OutputEvent): void;
  /** Sends to the front end; missing where none is there to hear. */
  readonly sendComm?: (message: CommMessage) => void;
  /** Whether a person looks on, who can answer and move controls. */
  readonly isAttended: boolean;
  /** Puts a question to the front end; missing where nobody can be asked. */
  readonly ask?: (question: Question) => Promise<string>;
  /** Cancels of what the cell waits for: timers and questions. */
  readonly waits: Map<unknown, () => void>;
  /** What is called when the cell ends or is interrupted, while it can still put out something. */
  readonly ends: Set<(how: RunEnd) => void>;
  /** What the cell is using until its end. */
  readonly resources: AsyncDisposableStack;
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

/** True if the code that is running now is left of an interrupted cell. */
export const isLeftover = (): boolean => current.getStore()?.interrupted === true;

/** Hands a resource to the running cell, which disposes of it at its end. */
export function useResource(isAsync: boolean, resource: unknown): unknown {
  const stack = currentRun()?.resources;
  if (isAsync) return stack?.use(resource as AsyncDisposable | null);
  // Checks what it is given as `using` does; an asynchronous way to dispose of it is not asked for.
  const sync = new DisposableStack();
  sync.use(resource as Disposable | null);
  stack?.defer(() => sync.dispose());
  return resource;
}

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

/** Calls back when the running cell ends, so that it leaves nothing half done; returns what takes that back. */
export function onRunEnd(callback: (how: RunEnd) => void): () => void {
  const run = currentRun();
  run?.ends.add(callback);
  return () => void run?.ends.delete(callback);
}

/** Calls those who wait for the end of a cell. */
export function endRun(run: CellRun, how: RunEnd): void {
  for (const end of run.ends) current.run(run, () => end(how));
  run.ends.clear();
}

/** What ends that which cells have shown, by the names of the cells. */
const shown = new Map<string, Set<() => void>>();

/** Calls back when the cell that is running is run anew, because what it shows now is gone by then. */
export function onRerun(callback: () => void): void {
  const cell = currentRun()?.cell;
  if (cell === undefined) return;
  kept(shown, cell, () => new Set()).add(callback);
}

/** Ends what the same cell has shown before. */
export function endShown(run: CellRun): void {
  const callbacks = shown.get(run.cell ?? "") ?? [];
  shown.delete(run.cell ?? "");
  for (const end of callbacks) current.run(run, end);
}

/** Marks a cell interrupted and drops what it was waiting for. */
export function interruptRun(run: CellRun): void {
  endRun(run, "interrupted");
  current.run(run, () => run.resources.disposeAsync()).catch(() => {});
  run.interrupted = true;
  for (const cancel of run.waits.values()) cancel();
  run.waits.clear();
}

/** Thrown into a cell whose question nobody answers. The name is the one that Jupyter's own kernels use. */
class StdinNotImplementedError extends Error {
  override readonly name = "StdinNotImplementedError";
}

/** Puts a question of the running cell to the front end. `caller` is where the traceback of a failure starts. */
export async function ask(question: Question, caller: (...args: never[]) => unknown): Promise<string> {
  const run = currentRun();
  const refusal = new StdinNotImplementedError("this front end takes no input: nobody can be asked");
  Error.captureStackTrace(refusal, caller);
  if (run?.ask === undefined) throw refusal;
  if (run.interrupted) throw new Interrupted("the cell was interrupted");
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  run.waits.set(interrupted, () => reject(new Interrupted("the cell was interrupted")));
  try {
    return await Promise.race([run.ask(question), interrupted]);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    refusal.message = (error as Error).message;
    throw refusal;
  } finally {
    run.waits.delete(interrupted);
  }
}
