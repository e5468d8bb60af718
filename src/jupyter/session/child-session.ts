/**
 * A session in a process of its own: its globals touch nobody else, it can be interrupted while it computes, a cell
 * that ends or crashes the process takes only the session along, and it never outlives its parent.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { OutputEvent } from "../../notebook/outputs.ts";
import type { ExecuteResult } from "../../notebook/session.ts";
import type { Completeness, Completion } from "../cells/editor.ts";
import { type CommMessage, closing } from "../widgets/comm-message.ts";
import type { CellOptions, CellSession, CommSinks } from "./cell-session.ts";
import { REPLY_FD, replyReader } from "./child-pipe.ts";
import { killSession } from "./child-programs.ts";
import { type Answer, GUARD_FD, type Notice, type Reply, type Request } from "./child-protocol.ts";
import { interruptFailure } from "./trace.ts";

/** A session that runs in a child process. */
export interface ChildSession extends CellSession {
  /** Resolves when the process has ended, by itself or through `close`. */
  readonly ended: Promise<void>;
  /** Targets of the open comms by their ids; known here, because the process may be busy. */
  readonly comms: ReadonlyMap<string, string>;
}

/** Passing runs that may still put out something when they are through, in a timer for example. */
const MOST_PASSING = 100;

/** Name of the error of a cell whose process has ended. */
export const SESSION_ENDED = "SessionEnded";

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

interface State {
  readonly child: ChildProcess;
  readonly waiting: Map<number, Waiting>;
  /** Where that goes which each run puts out and sends; kept, because a cell's timers may print after its end. */
  readonly sinks: Map<number, CellOptions>;
  readonly comms: Map<string, string>;
  /** Runs whose sinks are kept for a while, oldest first: a slider sends thousands of messages, a front end asks often. */
  readonly passing: number[];
  readonly ended: Promise<void>;
  readonly ready: Promise<void>;
  id: number;
  count: number;
  /** The execution that runs now, and the end of the last one queued. */
  running: number;
  /** The execution that came last, be it running or not. */
  latest: number;
  queue: Promise<unknown>;
  /** How many executions are queued or running, and when the one that had not to wait for another was sent. */
  pending: number;
  /** An interrupt came for an execution that waits for the process to start. */
  cancelled: boolean;
  sent: Promise<void>;
  /** The engine has said on standard error that it gives up. */
  outOfMemory: boolean;
}

/** Starts a session whose cells import and read files relative to `folder`; it can be used at once. */
export function startSession(folder: string): ChildSession {
  const state = startChild(folder);
  return {
    ended: state.ended,
    comms: state.comms,
    receive: (message, sinks) => receive(state, message, sinks),
    execute: (code, options) => enqueue(state, code, options),
    complete: (code, offset) => ask(state, { type: "complete", code, offset }) as Promise<Completion>,
    inspect: async (code, offset, withSource = false) =>
      ((await ask(state, { type: "inspect", code, offset, withSource })) as string | null) ?? undefined,
    completeness: (code) => ask(state, { type: "completeness", code }) as Promise<Completeness>,
    interrupt: () => interrupt(state),
    async close() {
      const { pid, exitCode, signalCode } = state.child;
      if (pid !== undefined && exitCode === null && signalCode === null) killSession(pid);
      await state.ended;
    },
  };
}

const EXEC_ARGV: readonly string[] = [
  "--disable-warning=ExperimentalWarning",
  // The async hook check would end the process when an interrupt ends a timer's callback half way.
  "--no-force-async-hooks-checks",
  // Much of what a type program or a simulation makes lives a little longer than the default of 1 MiB allows for.
  ...["--min-semi-space-size=32", "--max-semi-space-size=64"],
];

function startChild(folder: string): State {
  const child = fork(fileURLToPath(new URL("./child-start.ts", import.meta.url)), [], {
    cwd: folder,
    execArgv: [...EXEC_ARGV],
    stdio: ["ignore", "pipe", "pipe", "ipc", "pipe", "pipe"],
    // Its own process group: Ctrl-C reaches the parent, which decides what it means.
    detached: true,
  });
  // What happens to the child is told by its end; a write that comes too late is no news.
  child.stdio[GUARD_FD]?.on("error", () => {});
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  const { promise: ended, resolve: hasEnded } = Promise.withResolvers<void>();
  const state: State = {
    ...{ child, waiting: new Map(), sinks: new Map(), comms: new Map(), passing: [], ended, ready },
    ...{
      id: 0,
      count: 0,
      running: 0,
      latest: 0,
      queue: Promise.resolve(),
      pending: 0,
      cancelled: false,
      outOfMemory: false,
      sent: Promise.resolve(),
    },
  };
  const reader = replyReader((reply) => (reply.type === "ready" ? isReady() : take(state, reply)));
  const [replies] = (child.stdio as readonly unknown[]).slice(REPLY_FD) as [Readable];
  replies.on("data", reader);
  forwardRaw(state);
  const end = (how: string) => {
    for (const waiting of state.waiting.values()) waiting.reject(new SessionEnded(how));
    state.waiting.clear();
    isReady();
    hasEnded();
  };
  child.on("error", (error) => end(`: ${error.message}`));
  child.on("exit", () => leaveNothing(child));
  child.on("close", (status, signal) => {
    const isFull = signal === "SIGABRT" && state.outOfMemory;
    end(isFull ? " because it ran out of memory" : signal === null ? ` with status ${status}` : ` by ${signal}`);
  });
  return state;
}

/** For what is left in the pipes of a process that has ended, in milliseconds. */
const LAST_OUTPUT = 200;

/** Ends the programs that a session has left, and lets go of its pipes: a detached program may hold them for ever. */
function leaveNothing({ pid, stdout, stderr }: ChildProcess): void {
  killSession(pid!);
  setTimeout(() => {
    stdout?.destroy();
    stderr?.destroy();
  }, LAST_OUTPUT).unref();
}

/** The session's process is no more, and the request with it. */
class SessionEnded extends Error {
  override readonly name = SESSION_ENDED;

  constructor(how: string) {
    super(`the session's process has ended${how}; its variables are gone`);
  }
}

/** The kernel's own code has failed in the session, which lives on. */
class KernelError extends Error {
  override readonly name = "KernelError";
}

function take(state: State, reply: Exclude<Reply, { type: "ready" }>): void {
  if (reply.type === "output") return state.sinks.get(reply.id)?.onOutput(reply.event);
  if (reply.type === "comm") {
    trackComm(state, reply.message);
    return state.sinks.get(reply.id)?.onComm?.(reply.message);
  }
  if (reply.type === "ask") return void putOn(state, reply);
  const waiting = state.waiting.get(reply.id);
  state.waiting.delete(reply.id);
  // What programs of a cell have written is in their pipes by now, and read before the next turn.
  if (reply.type === "done") setImmediate(() => waiting?.resolve(reply.answer));
  else waiting?.reject(new KernelError(reply.message));
}

/** Keeps the list of open comms, whichever side opens and closes them. */
function trackComm({ comms }: State, { type, content }: CommMessage): void {
  if (type === "comm_open") comms.set(content.comm_id, String(content.target_name));
  else if (type === "comm_close") comms.delete(content.comm_id);
}

/** Puts on a cell's question, and brings the answer back. */
async function putOn(state: State, { id, number, question }: Reply & { type: "ask" }): Promise<void> {
  const onQuestion = state.running === id ? state.sinks.get(id)?.onQuestion : undefined;
  try {
    if (onQuestion === undefined) throw new Error("the cell has ended: nobody can be asked any more");
    notify(state, { type: "answer", number, text: await onQuestion(question) });
  } catch (error) {
    notify(state, { type: "refusal", number, message: (error as Error).message });
  }
}

function notify(state: State, notice: Notice): void {
  // The child may be gone by now, and its question with it.
  if (state.child.connected) state.child.send(notice);
}

/** What is written past Node's streams, by native code or by programs that a cell starts, belongs to the cell that came last. */
function forwardRaw(state: State): void {
  for (const name of ["stdout", "stderr"] as const)
    state.child[name]?.setEncoding("utf8").on("data", (text: string) => {
      const event: OutputEvent = { type: "output", output: { output_type: "stream", name, text } };
      if (name === "stderr" && text.includes("out of memory")) state.outOfMemory = true;
      state.sinks.get(state.latest)?.onOutput(event);
    });
}

async function ask(state: State, request: WithoutId<Request>, id = ++state.id): Promise<Answer> {
  await state.ready;
  return new Promise<Answer>((resolve, reject) => {
    if (!state.child.connected) return reject(new SessionEnded(" before"));
    state.waiting.set(id, { resolve, reject });
    state.child.send({ ...request, id });
  });
}

type WithoutId<R> = R extends unknown ? Omit<R, "id"> : never;

/**
 * Sends a comm's message at once, also while cells wait for the one that runs: that one may be waiting for this very
 * message, and the cells behind it then find what the user has set last. It does not overtake the running cell itself.
 */
async function receive(state: State, message: CommMessage, sinks: CommSinks): Promise<void> {
  await state.sent;
  const id = ++state.id;
  state.sinks.set(id, sinks);
  trackComm(state, message);
  try {
    await ask(state, { type: "comm", message }, id);
  } catch (error) {
    failed(state, sinks, state.count, error as Error);
  } finally {
    letPass(state, id);
  }
}

function letPass({ passing, sinks }: State, id: number): void {
  if (passing.push(id) > MOST_PASSING) sinks.delete(passing.shift()!);
}

/** Runs a cell when all before it have ended. */
function enqueue(state: State, code: string, options: CellOptions): Promise<ExecuteResult> {
  const { promise, resolve: isSent } = Promise.withResolvers<void>();
  if (state.pending++ === 0) state.sent = promise;
  const turn = state.queue
    .then(() => execute(state, code, options, isSent))
    .finally(() => {
      isSent();
      state.pending--;
    });
  state.queue = turn.catch(() => {});
  return turn;
}

async function execute(state: State, code: string, options: CellOptions, isSent: () => void): Promise<ExecuteResult> {
  const count = options.count ?? state.count + 1;
  state.count = count;
  await state.ready;
  const { cancelled } = state;
  state.cancelled = false;
  if (cancelled || options.signal?.aborted) return report(options, { status: "aborted", count, ...interruptFailure() });
  const id = ++state.id;
  state.running = state.latest = id;
  state.sinks.set(id, options);
  const onAbort = () => interrupt(state);
  options.signal?.addEventListener("abort", onAbort);
  try {
    const [comms, canAsk] = [options.onComm !== undefined, options.onQuestion !== undefined];
    const answer = ask(state, { type: "execute", code, count, comms, canAsk, cell: options.cell }, id);
    isSent();
    return (await answer) as ExecuteResult;
  } catch (error) {
    return failed(state, options, count, error as Error);
  } finally {
    state.running = 0;
    // What a front end runs on its own account, and nobody's cell.
    if (count === 0) letPass(state, id);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

function interrupt(state: State): void {
  state.cancelled = state.pending > 0 && state.running === 0;
  (state.child.stdio[GUARD_FD] as Writable).write(`${state.id}\n`);
}

/** A run that has no result: with the session's process its comms have ended too. */
function failed({ comms }: State, sinks: CommSinks, count: number, error: Error): ExecuteResult {
  if (error instanceof SessionEnded) {
    for (const id of comms.keys()) sinks.onComm?.(closing(id));
    comms.clear();
  }
  const { name: ename, message: evalue } = error;
  return report(sinks, { status: "error", count, ename, evalue, traceback: [`\x1b[31m${ename}\x1b[39m: ${evalue}`] });
}

function report(sinks: CommSinks, result: Required<ExecuteResult>): ExecuteResult {
  const { ename, evalue, traceback } = result;
  sinks.onOutput({ type: "output", output: { output_type: "error", ename, evalue, traceback } });
  return result;
}
