/**
 * The programs that cells have started: they are of the process group that the session leads, unless they were started
 * with `detached`, which says that they are to live on.
 */

/**
 * Interrupts the programs as Ctrl-C in a terminal does: one that the main thread waits for would keep it waiting. The
 * session itself has to let the signal pass.
 */
export const interruptPrograms = (): void => send(-process.pid, "SIGINT");

/** Ends a session and its programs, also those that it has left behind, in no gentle way: it may be busy for ever. */
export const killSession = (pid: number): void => send(process.platform === "win32" ? pid : -pid, "SIGKILL");

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // All have ended, or there are no process groups here.
  }
}
