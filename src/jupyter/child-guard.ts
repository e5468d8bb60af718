/**
 * The guard thread of a session's process. It ends the process when the parent has gone, and it interrupts the main
 * thread, which cannot hear anything while a cell keeps it busy.
 */
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { workerData } from "node:worker_threads";
import { AWAITING, GUARD_FD, KERNEL, PHASE, RUNNING, SEEN, TARGET } from "./child-protocol.ts";

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
  Atomics.store(shared, TARGET, id);
  for (let attempt = 0; Atomics.load(shared, RUNNING) === id && Atomics.load(shared, SEEN) === seen; attempt++) {
    const phase = Atomics.load(shared, PHASE);
    // By turns: a termination drops all that was waiting to run, the kernel's own next step among it, which a signal
    // then brings back. Never both at once, or the second would hit the next cell.
    if (phase === AWAITING && attempt % 2 === 1) terminate();
    else if (attempt === 0 || phase !== KERNEL) process.kill(process.pid, "SIGINT");
    await sleep(PATIENCE);
  }
}

/** Connected for this moment only: a connected inspector keeps a process from ending. */
function terminate(): void {
  const inspector = new Session();
  inspector.connectToMainThread();
  inspector.post("Runtime.terminateExecution", () => inspector.disconnect());
}
