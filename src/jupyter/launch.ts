/**
 * The program that a Jupyter front end starts: `launch.ts CONNECTION_FILE`. Runs a kernel for the notebooks of the
 * current folder and ends with the process that started it.
 */
import { UserError } from "../base/errors.ts";
import { type ChildSession, startSession } from "./session/child-session.ts";
import { useCompileCache } from "./session/compile-cache.ts";

/** Pause between two looks at the parent, in milliseconds. */
const PARENT_POLL = 1000;

try {
  await main(process.argv[2]);
} catch (error) {
  console.error(error instanceof UserError ? `ptlab: ${error.message}` : error);
  process.exit(error instanceof UserError ? 2 : 1);
}

async function main(file: string | undefined): Promise<void> {
  if (file === undefined) throw new UserError("the kernel needs a connection file; Jupyter passes it");
  const parent = process.ppid;
  useCompileCache();
  // The session takes longest to start: it is under way before the kernel's own files are loaded.
  let started: ChildSession | undefined = startHere();
  const startNext = () => {
    const session = started ?? startHere();
    started = undefined;
    return session;
  };
  const { openHistory, historyFile, openSockets, processMachine, readConnection, startKernel } = await loadKernel();
  const sockets = await openSockets(await readConnection(file));
  const warn = (line: string) => console.error(`ptlab: ${line}`);
  const history = openHistory(historyFile(processMachine()), warn);
  const kernel = startKernel({ sockets, history, startSession: startNext, onShutdown: () => void end() });
  const end = async (): Promise<never> => {
    await kernel.close();
    history.close();
    process.exit(0);
  };
  process.on("SIGINT", () => kernel.interrupt());
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end());
  setInterval(() => {
    // A process whose parent has died gets another one.
    if (process.ppid !== parent) void end();
  }, PARENT_POLL);
}

function startHere(): ChildSession {
  return startSession(process.cwd());
}

async function loadKernel() {
  const { processMachine } = await import("./install/find-jupyter.ts");
  const { readConnection } = await import("./wire/connection.ts");
  const { historyFile, openHistory } = await import("./wire/history-file.ts");
  const { startKernel } = await import("./wire/kernel.ts");
  const { openSockets } = await import("./wire/sockets.ts");
  return { historyFile, openHistory, openSockets, processMachine, readConnection, startKernel };
}
