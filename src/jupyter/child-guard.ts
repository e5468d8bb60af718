/**
 * The guard thread of a session's process. It ends the process when the parent has gone, and it interrupts the main
 * thread, which cannot hear anything while a cell keeps it busy.
 */
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { workerData } from "node:worker_threads";
import { AWAITING, ENTERED, GUARD_FD, PHASE, RUNNING, SEEN } from "./child-protocol.ts";

/** Pause between two attempts, in milliseconds: long enough for a main thread that is merely slow. */
const PATIENCE = 250;

const shared: Int32Array = workerData.shared;

const parent = new Socket({ fd: GUARD_FD });
parent.on("data", (bytes) => {
  for (const id of bytes.toString().split("\n")) if (id !== "") void interrupt(Number(id));
});
// SIGKILL and no gentler way: the main thread may be busy for ever.
parent.on("close", () => process.kill(process.pid, "SIGKILL"));
parent.on("error", () => process.kill(process.pid, "SIGKILL"));

async function interrupt(id: number): Promise<void> {
  const seen = Atomics.load(shared, SEEN);
  for (let attempt = 0; Atomics.load(shared, RUNNING) === id && Atomics.load(shared, SEEN) === seen; attempt++) {
    const phase = Atomics.load(shared, PHASE);
    if (attempt === 0 || phase === ENTERED) process.kill(process.pid, "SIGINT");
    else if (phase === AWAITING) terminate();
    await sleep(PATIENCE);
  }
}

/** Connected for this moment only: a connected inspector keeps a process from ending. */
function terminate(): void {
  const inspector = new Session();
  inspector.connectToMainThread();
  inspector.post("Runtime.terminateExecution", () => inspector.disconnect());
}
