/**
 * What a session's parent process says to its child over Node's IPC channel, what the child says through its pipe, and
 * the few numbers that the child's main thread shares with its guard thread.
 */
import type { OutputEvent } from "../../notebook/outputs.ts";
import type { ExecuteResult } from "../../notebook/session.ts";
import type { Completeness, Completion } from "../cells/editor.ts";
import type { CommMessage } from "../widgets/comm-message.ts";
import type { Question } from "./run.ts";

/** A request to the child; every one is answered under its id. `comms` tells whether a front end hears comms, `canAsk` whether it takes input. */
export type Request =
  | {
      readonly id: number;
      readonly type: "execute";
      readonly code: string;
      readonly count: number;
      readonly comms: boolean;
      readonly canAsk: boolean;
      readonly cell: string | undefined;
    }
  | { readonly id: number; readonly type: "complete"; readonly code: string; readonly offset: number }
  | {
      readonly id: number;
      readonly type: "inspect";
      readonly code: string;
      readonly offset: number;
      readonly withSource: boolean;
    }
  | { readonly id: number; readonly type: "completeness"; readonly code: string }
  | { readonly id: number; readonly type: "comm"; readonly message: CommMessage };

/** A message to the child that has no answer: the end of a question that one of its cells has put. */
export type Notice =
  | { readonly type: "answer"; readonly number: number; readonly text: string }
  | { readonly type: "refusal"; readonly number: number; readonly message: string };

/** A message of the child: an output, a comm's message or a question of a run, the end of a request, or that it is ready. */
export type Reply =
  | { readonly type: "ready" }
  | { readonly type: "output"; readonly id: number; readonly event: OutputEvent }
  | { readonly type: "comm"; readonly id: number; readonly message: CommMessage }
  | { readonly type: "ask"; readonly id: number; readonly number: number; readonly question: Question }
  | { readonly type: "done"; readonly id: number; readonly answer: Answer }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** What answers a request, by its type: `execute`, `complete`, `completeness`, text or null for `inspect`, null for `comm`. */
export type Answer = ExecuteResult | Completion | Completeness | string | null;

/** File descriptor of the child on which the parent names the newest request to interrupt; its end is the parent's end. */
export const GUARD_FD = 4;

// Places in the array that the child's main thread shares with its guard.

/** Place of the id of the oldest request that runs code of cells; 0 for none. */
export const RUNNING = 0;
/** Place of the number of interrupts that the main thread has seen. */
export const SEEN = 1;
/** Place of the main thread's phase. */
export const PHASE = 2;
/** Place of the newest request that an interrupt is for. */
export const INTERRUPTED = 3;
/** Number of places. */
export const SHARED_LENGTH = 4;

/** Phase in which the main thread runs code of the kernel, which must not be ended half way. */
export const KERNEL = 0;
/** Phase in which the main thread runs code of a cell, which may be terminated. */
export const CELL = 1;
/** Phase in which the guard is ending the cell's code; the main thread cannot leave the cell before that is over. */
export const TERMINATING = 2;
/** What the main thread does. */
export type Phase = typeof KERNEL | typeof CELL;

/** Whether an interrupt of all requests up to `newest` is for the one that runs: what came later is not ended. */
export const isMeant = (running: number, newest: number): boolean => running !== 0 && running <= newest;
