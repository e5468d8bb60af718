/**
 * Opens a trace of any known form: what it is, is told by its first bytes.
 */
import { UserError } from "../../base/errors.ts";
import type { AccessWords } from "../../mmu/access-words.ts";
import { ChampSimDecoder } from "./champsim.ts";
import { LackeyDecoder } from "./lackey.ts";
import { isPtt, openPtt } from "./ptt.ts";
import { ALL_KINDS, DATA_KINDS, type Decoder, type KindMask, Sink } from "./sink.ts";
import { cutTo, keepKinds, type TraceFormat, type TraceInput, type TraceSource } from "./source.ts";
import { packingOf, unpacked } from "./unpack.ts";

/** How a trace is opened. */
export interface OpenOptions {
  /** Its form; told by its bytes if not given. */
  readonly format?: TraceFormat | "auto";
  /** Kinds to keep. By default all that a `.ptt` has, and loads and stores of a foreign trace. */
  readonly kinds?: KindMask;
}

/** Bytes that tell the form. */
const HEAD = 4096;

/**
 * The trace in an input: `.ptt`, or lackey's text or ChampSim's records, plain or packed with gzip or xz. Throws {@link UserError} if it
 * is none.
 */
export async function openTrace(input: TraceInput, options: OpenOptions = {}): Promise<TraceSource> {
  const { format = "auto", kinds } = options;
  const plain = await startOf(input.stream());
  if (format === "ptt" || (format === "auto" && isPtt(plain.head))) {
    await plain.close();
    return keepKinds(await openPtt(input), kinds ?? ALL_KINDS);
  }
  const packed = packingOf(plain.head) !== "none";
  const inner = packed ? await startOf(unpacked(plain.all(), plain.head, input.name)) : plain;
  if (packed && isPtt(inner.head)) {
    await inner.close();
    throw new UserError(
      `${input.name}: a .ptt trace in a ${packingOf(plain.head)} file: unpack it, it is compressed by itself`,
    );
  }
  const told = format === "auto" ? formatOf(inner.head, input.name) : format;
  if (input.size !== null) await inner.close();
  return foreignTrace(input, told, kinds ?? DATA_KINDS, inner);
}

/** A stream whose first bytes have been looked at. */
interface Started {
  readonly head: Uint8Array;
  /** The whole stream, once. */
  all(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

async function startOf(bytes: AsyncIterable<Uint8Array>): Promise<Started> {
  const from = bytes[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD) {
    const { done, value } = await from.next();
    if (done) break;
    parts.push(value);
    length += value.length;
  }
  const head = new Uint8Array(Math.min(length, HEAD));
  let at = 0;
  for (const part of parts) {
    head.set(part.subarray(0, head.length - at), at);
    at = Math.min(at + part.length, head.length);
  }
  const close = async () => void (await from.return?.());
  async function* all() {
    try {
      yield* parts.splice(0);
      yield* { [Symbol.asyncIterator]: () => from };
    } finally {
      await close();
    }
  }
  return { head, all, close };
}

const ALLOWED = "allowed are .ptt, valgrind's lackey with --trace-mem=yes, and ChampSim's records, also in gzip or xz";

/** What bytes are by their looks. ChampSim's have no mark of their own; its decoder checks each record. */
function formatOf(head: Uint8Array, name: string): TraceFormat {
  if (head.length === 0) throw new UserError(`${name}: offset 0: empty: ${ALLOWED}`);
  const text = String.fromCharCode(...head.subarray(0, 64));
  if (/^(==|--|\*\*|I {2}[\da-f]| [LSM] [\da-f])/.test(text)) return "lackey";
  const records = Math.min(head.length, HEAD) - (head.length % 64);
  for (let at = 0; at < records; at += 64)
    if (head[at + 8]! > 1 || head[at + 9]! > 1)
      throw new UserError(`${name}: offset ${at + 8}: no known trace: ${ALLOWED}`);
  if (records === 0) throw new UserError(`${name}: offset 0: no known trace: ${ALLOWED}`);
  return "champsim";
}

/** A file is read anew each time; the one reading of a pipe goes on with the stream that was looked at. */
function foreignTrace(input: TraceInput, format: TraceFormat, kinds: KindMask, started: Started): TraceSource {
  let left: Started | null = started;
  async function* bytes() {
    if (input.size !== null) return yield* opened(input);
    if (left === null) throw new UserError(`${input.name}: a pipe can be read once: store the trace in a file`);
    const all = left.all();
    left = null;
    yield* all;
  }
  const decoder = () =>
    format === "lackey" ? new LackeyDecoder(input.name, kinds) : new ChampSimDecoder(input.name, kinds);
  return {
    info: { format, text: "", accesses: null, counts: null, areas: null, lines: null, kinds },
    chunks: (from, to) => cutTo(decoded(bytes(), decoder()), from, to),
  };
}

async function* opened(input: TraceInput): AsyncIterable<Uint8Array> {
  const plain = await startOf(input.stream());
  yield* unpacked(plain.all(), plain.head, input.name);
}

/** The accesses that a decoder finds in bytes. */
export async function* decoded(bytes: AsyncIterable<Uint8Array>, decoder: Decoder): AsyncIterable<AccessWords> {
  const sink = new Sink();
  for await (const part of bytes)
    for (let at = 0; at < part.length; ) {
      at = decoder.decode(part, at, sink);
      if (sink.full) yield sink.take();
    }
  if (sink.n > 0) yield sink.take();
  decoder.end();
}
