/**
 * Turns what a cell prints into stream outputs of that cell: the console and the two standard streams.
 */
import { Console } from "node:console";
import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { emit } from "./run.ts";

type Name = "stdout" | "stderr";

/** Takes over console and standard streams; returns what gives them back. */
export function captureStreams(): () => void {
  const realConsole = globalThis.console;
  globalThis.console = new Console({ stdout: sink("stdout"), stderr: sink("stderr"), colorMode: false });
  const undo = (["stdout", "stderr"] as const).map(captureWrites);
  return () => {
    globalThis.console = realConsole;
    for (const back of undo) back();
  };
}

const put = (name: Name, text: string): void => emit({ type: "output", output: { output_type: "stream", name, text } });

function sink(name: Name): Writable {
  const stream = new Writable({ decodeStrings: false });
  // Written through `write` itself and not `_write`: a stream swallows what is thrown into an interrupted cell.
  stream.write = ((chunk: unknown) => {
    put(name, String(chunk));
    return true;
  }) as Writable["write"];
  return stream;
}

function captureWrites(name: Name): () => void {
  const stream = process[name];
  const real = stream.write;
  // A character may come in two pieces, as from a stream that is piped here.
  const decoder = new StringDecoder("utf8");
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown) => {
    const isText = typeof chunk === "string" && (typeof encoding !== "string" || /^utf-?8$/i.test(encoding));
    const text = isText ? chunk : decoder.write(Buffer.from(chunk as string, encoding as BufferEncoding));
    if (text !== "") put(name, text);
    const callback = [encoding, done].find((argument) => typeof argument === "function");
    if (callback !== undefined) process.nextTick(callback as () => void);
    return true;
  }) as typeof stream.write;
  return () => {
    stream.write = real;
  };
}
