/**
 * What a session's parent process and its child say to each other over Node's IPC channel, and the few numbers that
 * the child's main thread shares with its guard thread.
 */
import type { OutputEvent } from "../notebook/outputs.ts";
import type { ExecuteResult } from "../notebook/session.ts";
import type { Completeness, Completion } from "./checker.ts";

/** A request to the child; every one is answered under its id. */
export type Request =
  | { readonly id: number; readonly type: "execute"; readonly code: string; readonly count: number }
  | { readonly id: number; readonly type: "complete" | "inspect"; readonly code: string; readonly offset: number }
  | { readonly id: number; readonly type: "completeness"; readonly code: string };

/** A message of the child: an output of an execution, the end of a request, or that it is ready. */
export type Reply =
  | { readonly type: "ready" }
  | { readonly type: "output"; readonly id: number; readonly event: OutputEvent }
  | { readonly type: "done"; readonly id: number; readonly answer: Answer }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** What answers a request, by its type: `execute`, `complete`, `completeness`, and text or null for `inspect`. */
export type Answer = ExecuteResult | Completion | Completeness | string | null;

/** File descriptor of the child on which the parent names the execution to interrupt; its end is the parent's end. */
export const GUARD_FD = 4;

// Places in the array that the child's main thread shares with its guard.

/** Place of the running execution's id; 0 for none. */
export const RUNNING = 0;
/** Place of the number of interrupts that the main thread has seen. */
export const SEEN = 1;
/** Place of the main thread's phase. */
export const PHASE = 2;
/** Number of places. */
export const SHARED_LENGTH = 3;

/** Phase in which the main thread runs code of the kernel, which must not be ended half way. */
export const KERNEL = 0;
/** Phase in which the main thread runs code of a cell, which may be terminated. */
export const CELL = 1;
/** What the main thread does. */
export type Phase = typeof KERNEL | typeof CELL;
