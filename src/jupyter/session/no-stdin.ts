/**
 * `process.stdin` of a cell: there is nothing to read, and a program that tries is told what to use, because a read that
 * finds the end looks like a cell that hangs. A stream that asks at each read was rejected: `readline` reads ahead, and
 * a front end would be asked for lines that nobody wants.
 */
import { Readable } from "node:stream";

/** Refuses every read in the place where the cell makes it. Only looking at the stream is harmless. */
export function refuseStdin(): () => void {
  const real = Object.getOwnPropertyDescriptor(process, "stdin")!;
  const stream = new Readable();
  const refuse = (): never => {
    const error = new Error(
      'process.stdin cannot be read in a notebook; use `await input("prompt")`, imported from ptlab/jupyter',
    );
    Error.captureStackTrace(error, refuse);
    throw error;
  };
  Object.assign(stream, { read: refuse, resume: refuse });
  Object.defineProperty(process, "stdin", { ...real, get: () => stream });
  return () => void Object.defineProperty(process, "stdin", real);
}
