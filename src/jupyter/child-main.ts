/**
 * The process of one session: runs the cells that its parent sends over IPC, one at a time.
 */
import { Worker } from "node:worker_threads";
import { Interrupted } from "./cell-run.ts";
import { type CellSession, openCellSession, reportStray } from "./cell-session.ts";
import { type Answer, PHASE, type Reply, type Request, RUNNING, SEEN, SHARED_LENGTH } from "./child-protocol.ts";

const shared = new Int32Array(new SharedArrayBuffer(SHARED_LENGTH * Int32Array.BYTES_PER_ELEMENT));
const send = (reply: Reply): void => void process.send?.(reply);

// First of all, so that the process ends with its parent also while it starts.
const guard = new Worker(new URL("./child-guard.ts", import.meta.url), { workerData: { shared } });

const session = openCellSession(process.cwd(), (phase) => void Atomics.store(shared, PHASE, phase));

guard.on("message", (id: number) => {
  if (Atomics.load(shared, RUNNING) === id) session.interrupt();
  Atomics.add(shared, SEEN, 1);
});
// An inspector that is still connected makes Node wait for its end, and say so on standard error.
process.on("exit", () => void session.close());
process.on("uncaughtException", stray);
process.on("unhandledRejection", stray);
process.on("message", (request: Request) => void answer(request));
send({ type: "ready" });

function stray(error: unknown): void {
  if (!(error instanceof Interrupted)) reportStray(error);
}

async function answer(request: Request): Promise<void> {
  const { id } = request;
  try {
    send({ type: "done", id, answer: await perform(session, request) });
  } catch (error) {
    send({ type: "failed", id, message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

async function perform(on: CellSession, request: Request): Promise<Answer> {
  if (request.type === "execute") return execute(on, request);
  if (request.type === "completeness") return on.completeness(request.code);
  const { code, offset } = request;
  return request.type === "complete" ? on.complete(code, offset) : ((await on.inspect(code, offset)) ?? null);
}

async function execute(on: CellSession, { id, code, count }: Request & { type: "execute" }): Promise<Answer> {
  Atomics.store(shared, RUNNING, id);
  try {
    return await on.execute(code, { onOutput: (event) => send({ type: "output", id, event }), count });
  } finally {
    Atomics.store(shared, RUNNING, 0);
  }
}
