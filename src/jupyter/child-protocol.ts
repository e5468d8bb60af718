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

export type Answer = ExecuteResult | Completion | Completeness | string | null;

/** File descriptor of the child on which the parent names the execution to interrupt; its end is the parent's end. */
export const GUARD_FD = 4;

/** Places in the shared array: the running execution (0 for none), interrupts seen by the main thread, its phase. */
export const RUNNING = 0;
export const SEEN = 1;
export const PHASE = 2;
export const SHARED_LENGTH = 3;

/** What the main thread does: code of the kernel, which must not be ended half way, or code of a cell. */
export const KERNEL = 0;
export const CELL = 1;
export type Phase = typeof KERNEL | typeof CELL;
