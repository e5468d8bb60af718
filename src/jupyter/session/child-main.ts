/**
 * The process of one session: runs the cells that its parent sends over IPC, one at a time.
 */
import { Worker } from "node:worker_threads";
import { type CellOptions, type CellSession, openCellSession, reportStray } from "./cell-session.ts";
import { writeReply } from "./child-pipe.ts";
import { interruptPrograms } from "./child-programs.ts";
import {
  type Answer,
  CELL,
  INTERRUPTED,
  isMeant,
  KERNEL,
  type Notice,
  PHASE,
  type Request,
  RUNNING,
  SEEN,
  SHARED_LENGTH,
  TERMINATING,
} from "./child-protocol.ts";
import { createQuestions } from "./child-questions.ts";
import { Interrupted } from "./run.ts";

const shared = new Int32Array(new SharedArrayBuffer(SHARED_LENGTH * Int32Array.BYTES_PER_ELEMENT));

// First of all, so that the process ends with its parent also while it starts.
const guard = new Worker(new URL("./child-guard.ts", import.meta.url), { workerData: { shared } });

const questions = createQuestions(writeReply);
const session = openCellSession(process.cwd(), (phase) => (phase === CELL ? enterCell() : leaveCell()));

guard.on("message", (id: number) => {
  if (isMeant(Atomics.load(shared, RUNNING), id)) {
    session.interrupt();
    interruptPrograms();
  }
  Atomics.add(shared, SEEN, 1);
});
// An inspector that is still connected makes Node wait for its end, and say so on standard error.
process.on("exit", () => void session.close());
// Meant for the programs that cells have started, see `interruptPrograms`.
process.on("SIGINT", () => {});
process.on("uncaughtException", stray);
process.on("unhandledRejection", stray);
process.on("message", (message: Request | Notice) => {
  if ("id" in message) void answer(message);
  else questions.settle(message);
});
writeReply({ type: "ready" });

function enterCell(): void {
  Atomics.compareExchange(shared, PHASE, KERNEL, CELL);
}

/** Where a termination is under way it must hit here, and not the code behind: this either never returns or is safe. */
function leaveCell(): void {
  while (Atomics.compareExchange(shared, PHASE, CELL, KERNEL) === TERMINATING);
}

function stray(error: unknown): void {
  if (!(error instanceof Interrupted)) reportStray(error);
}

async function answer(request: Request): Promise<void> {
  const { id } = request;
  try {
    writeReply({ type: "done", id, answer: await perform(session, request) });
  } catch (error) {
    writeReply({
      type: "failed",
      id,
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

async function perform(on: CellSession, request: Request): Promise<Answer> {
  if (request.type === "execute" || request.type === "comm") return run(on, request);
  if (request.type === "completeness") return on.completeness(request.code);
  const { code, offset } = request;
  if (request.type === "complete") return on.complete(code, offset);
  return (await on.inspect(code, offset, request.withSource)) ?? null;
}

/** Ids of the requests that run code of cells: a cell that awaits does not keep a comm's listeners from running. */
const running = new Set<number>();

type RunRequest = Request & { readonly type: "execute" | "comm" };

async function run(on: CellSession, request: RunRequest): Promise<Answer> {
  const { id } = request;
  mark(() => running.add(id));
  try {
    const answer = begin(on, request);
    // An interrupt comes another way, and may have overtaken the request.
    if (Atomics.load(shared, INTERRUPTED) >= id) on.interrupt();
    return await answer;
  } finally {
    mark(() => running.delete(id));
  }
}

async function begin(on: CellSession, request: RunRequest): Promise<Answer> {
  const { id } = request;
  const onOutput: CellOptions["onOutput"] = (event) => writeReply({ type: "output", id, event });
  const onComm: CellOptions["onComm"] = (message) => writeReply({ type: "comm", id, message });
  if (request.type === "comm") return on.receive(request.message, { onOutput, onComm }).then(() => null);
  const { code, count, comms, canAsk, cell } = request;
  const onQuestion: CellOptions["onQuestion"] = (question) => questions.ask(id, question);
  const sinks = { onOutput, onComm: comms ? onComm : undefined, onQuestion: canAsk ? onQuestion : undefined };
  return on.execute(code, { ...sinks, count, cell });
}

function mark(change: () => void): void {
  change();
  Atomics.store(shared, RUNNING, running.size === 0 ? 0 : Math.min(...running));
}
