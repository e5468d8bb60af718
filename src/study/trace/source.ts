/**
 * What every reader of traces takes and gives: bytes from somewhere, and accesses in chunks. Nothing here touches files; who calls
 * passes the bytes in.
 */
import { UserError } from "../../base/errors.ts";
import type { AccessWords } from "../../mmu/access-words.ts";
import type { KindMask } from "./sink.ts";

/** Bytes of a trace, wherever they are. */
export interface TraceInput {
  /** For messages. */
  readonly name: string;
  /** How many bytes, or null for a pipe. */
  readonly size: number | null;
  /** All bytes from the first on. From a pipe they come once. */
  stream(): AsyncIterable<Uint8Array>;
  /** The bytes of `[offset, offset + length)`, fewer at the end. Absent for a pipe. */
  read?(offset: number, length: number): Promise<Uint8Array>;
}

/** The forms that are read. */
export const TRACE_FORMATS = ["ptt", "lackey", "champsim"] as const;
/** A form by name. */
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** A range of pages of 4K, whatever the pages of the format that it will be mapped with. */
export interface PageRange {
  readonly start: number;
  /** The page behind its last. */
  readonly end: number;
}

/** What a trace says of itself before it is read; null where only reading it tells. */
export interface TraceInfo {
  readonly format: TraceFormat;
  /** What was traced, in words. */
  readonly text: string;
  readonly accesses: number | null;
  /** Accesses by kind, in the order of `AccessKind`. */
  readonly counts: readonly number[] | null;
  /** What the program had touched by the end of the trace, before its beginning too. */
  readonly areas: readonly PageRange[] | null;
  /** First and last 64-byte line. */
  readonly lines: readonly [number, number] | null;
  /** Kinds that were kept: of others nothing is known. */
  readonly kinds: KindMask;
}

/** A trace that can be read. */
export interface TraceSource {
  readonly info: TraceInfo;
  /**
   * The accesses of `[from, to)`, all by default, in order, in chunks that are the receiver's to keep. What lies outside the trace is
   * left out. A trace with an index goes to the place; others are read from the start.
   */
  chunks(from?: number, to?: number): AsyncIterable<AccessWords>;
}

/** Bytes in memory as an input. */
export function bytesInput(bytes: Uint8Array, name: string): TraceInput {
  const step = 2 ** 16;
  return {
    name,
    size: bytes.length,
    async *stream() {
      for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
    },
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** Accesses in memory as a source: one chunk after the other, of any length. */
export function chunksSource(list: readonly AccessWords[], info: TraceInfo): TraceSource {
  return { info, chunks: (from, to) => cutTo(list, from, to) };
}

/** The accesses `[from, to)` of a trace as a trace of its own. How many of each kind they are is not known then. */
export function cutSource(trace: TraceSource, from: number, to: number): TraceSource {
  const { accesses } = trace.info;
  const length = accesses === null ? null : Math.max(Math.min(to, accesses) - from, 0);
  const info = { ...trace.info, accesses: length, counts: null, lines: null };
  return { info, chunks: (a = 0, b = Infinity) => trace.chunks(from + a, Math.min(from + b, to)) };
}

/** The accesses of these kinds alone. What is left out is read all the same, so that no place is reached without what is before it. */
export function keepKinds(trace: TraceSource, kinds: KindMask): TraceSource {
  if ((trace.info.kinds & ~kinds) === 0) return trace;
  const counts = trace.info.counts?.map((n, kind) => ((kinds >>> kind) & 1 ? n : 0)) ?? null;
  const accesses = counts?.reduce((sum, n) => sum + n, 0) ?? null;
  const info = { ...trace.info, kinds: trace.info.kinds & kinds, counts, accesses, lines: null };
  return { info, chunks: (from, to) => cutTo(keptOf(trace.chunks(), kinds), from, to) };
}

async function* keptOf(chunks: AsyncIterable<AccessWords>, kinds: KindMask): AsyncIterable<AccessWords> {
  for await (const words of chunks) {
    const kept = new Uint32Array(words.length);
    let n = 0;
    for (let i = 0; i < words.length; i += 2) {
      if (((kinds >>> (words[i]! & 3)) & 1) === 0) continue;
      kept[n++] = words[i]!;
      kept[n++] = words[i + 1]!;
    }
    if (n > 0) yield kept.subarray(0, n);
  }
}

/** The part `[from, to)` of a stream of chunks. */
export async function* cutTo(
  chunks: AsyncIterable<AccessWords> | Iterable<AccessWords>,
  from = 0,
  to = Infinity,
): AsyncIterable<AccessWords> {
  let at = 0;
  if (to <= from) return;
  for await (const words of chunks) {
    const n = words.length / 2;
    if (at + n > from) yield words.subarray(2 * Math.max(from - at, 0), 2 * Math.min(to - at, n));
    at += n;
    if (at >= to) return;
  }
}

/** All accesses of a source in one array: for traces that are known to be small. */
export async function allWords(chunks: AsyncIterable<AccessWords>): Promise<AccessWords> {
  const parts: AccessWords[] = [];
  for await (const words of chunks) parts.push(words);
  const out = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The kinds of a list such as `loads,stores`, or a {@link UserError}. */
export function parseKinds(text: string): KindMask {
  const names = ["loads", "stores", "fetches"];
  let mask = text === "all" ? 7 : 0;
  for (const name of text === "all" ? [] : text.split(",")) {
    const bit = names.indexOf(name);
    if (bit < 0) throw new UserError(`unknown kind '${name}': allowed are all, or a list of ${names.join(",")}`);
    mask |= 1 << bit;
  }
  return mask;
}
