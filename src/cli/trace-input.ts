/**
 * Files and pipes as inputs of traces.
 */
import { type FileHandle, open } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { UserError } from "../base/errors.ts";
import type { TraceInput } from "../study/trace/source.ts";
import { reason } from "./write-file.ts";

/** Bytes that are read at a time. */
const STEP = 2 ** 18;

/** An input with how many of its bytes have been read in order, for a progress bar. */
export interface CountedInput extends TraceInput {
  readonly done: () => number;
  readonly close: () => Promise<void>;
}

/** The file of that name, or standard input for `-`. A named pipe is read once, as standard input is. */
export async function traceInput(name: string, signal?: AbortSignal): Promise<CountedInput> {
  if (name === "-") return standardInput(signal);
  const handle = await open(name).catch((error: unknown) => {
    throw new UserError(`cannot read ${name}: ${reason(error)}`);
  });
  const stat = await handle.stat();
  if (stat.isFile()) return fileInput(name, handle, stat.size, signal);
  if (stat.isFIFO()) return pipeInput(name, handle.createReadStream({ signal }), () => handle.close());
  await handle.close();
  throw new UserError(`cannot read ${name}: it is neither a file nor a pipe`);
}

function fileInput(name: string, handle: FileHandle, size: number, signal?: AbortSignal): CountedInput {
  let done = 0;
  const read = async (offset: number, length: number) => {
    signal?.throwIfAborted();
    const bytes = new Uint8Array(length);
    let n = 0;
    for (let got = -1; got !== 0 && n < length; n += got)
      got = (await handle.read(bytes, n, length - n, offset + n).catch((e: unknown) => fail(name, e))).bytesRead;
    return bytes.subarray(0, n);
  };
  async function* stream() {
    done = 0;
    for (let part = await read(0, STEP); part.length > 0; part = await read(done, STEP)) {
      done += part.length;
      yield part;
    }
  }
  return { name, size, read, stream, done: () => done, close: () => handle.close() };
}

function standardInput(signal?: AbortSignal): CountedInput {
  const stream = signal === undefined ? process.stdin : addAbortSignal(signal, process.stdin);
  return pipeInput("standard input", stream, async () => void stream.destroy());
}

function pipeInput(name: string, from: AsyncIterable<Uint8Array>, close: () => Promise<void>): CountedInput {
  let done = 0;
  async function* stream() {
    try {
      for await (const part of from) {
        done += part.length;
        yield part;
      }
    } catch (error) {
      fail(name, error);
    }
  }
  return { name, size: null, stream, done: () => done, close };
}

function fail(name: string, error: unknown): never {
  if ((error as Error).name === "AbortError") throw error;
  throw new UserError(`cannot read ${name}: ${reason(error)}`);
}
