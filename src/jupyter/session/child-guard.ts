/**
 * The guard thread of a session's process. It ends the process when the parent has gone, and it interrupts the main
 * thread, which cannot hear anything while a cell keeps it busy.
 */
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { interruptPrograms, killSession } from "./child-programs.ts";
import { CELL, GUARD_FD, INTERRUPTED, isMeant, KERNEL, PHASE, RUNNING, SEEN, TERMINATING } from "./child-protocol.ts";

/** Pause between two attempts, in milliseconds: long enough for a main thread that is merely slow. */
const PATIENCE = 150;

const shared: Int32Array = workerData.shared;

const parent = new Socket({ fd: GUARD_FD });
parent.on("data", (bytes) => {
  for (const id of bytes.toString().split("\n")) if (id !== "") void interrupt(Number(id));
});
parent.on("close", () => killSession(process.pid));
parent.on("error", () => killSession(process.pid));

/** Asks the main thread first; one that does not listen is ended where it is, and then finds the question. */
async function interrupt(id: number): Promise<void> {
  Atomics.store(shared, INTERRUPTED, id);
  const seen = Atomics.load(shared, SEEN);
  const isWaiting = () => isMeant(Atomics.load(shared, RUNNING), id) && Atomics.load(shared, SEEN) === seen;
  if (!isWaiting()) return;
  parentPort?.postMessage(id);
  for (await sleep(PATIENCE); isWaiting(); await sleep(PATIENCE)) {
    const phase = Atomics.compareExchange(shared, PHASE, CELL, TERMINATING);
    if (phase === KERNEL) continue;
    // In this order: the end of a program must find the cell ended.
    if (phase === CELL) terminate(id);
    interruptPrograms();
  }
}

/** Connected for this moment only: a connected inspector keeps a process from ending. */
function terminate(id: number): void {
  const inspector = new Session();
  inspector.connectToMainThread();
  inspector.post("Runtime.terminateExecution", () => {
    inspector.disconnect();
    Atomics.store(shared, PHASE, CELL);
    // What was ended may have been the main thread's way to take in the question.
    parentPort?.postMessage(id);
  });
}
