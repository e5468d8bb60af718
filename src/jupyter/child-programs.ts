/**
 * The programs that cells have started: they are of the process group that the session leads, unless they were started
 * with `detached`, which says that they are to live on.
 */

/**
 * Interrupts the programs as Ctrl-C in a terminal does: one that the main thread waits for would keep it waiting. The
 * session itself has to let the signal pass.
 */
export const interruptPrograms = (): void => signalGroup(process.pid, "SIGINT");

/** Ends a session that is running, and its programs, in no gentle way: it may be busy for ever. */
export function killSession(pid: number): void {
  signalGroup(pid, "SIGKILL");
  if (process.platform === "win32") process.kill(pid, "SIGKILL");
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // Where there are no process groups.
  }
}
