/** Accesses and inputs that the tests of traces share. */
import { type Random, random } from "../../../src/base/random.ts";
import { type AccessKind, type AccessWords, newAccessWords, setAccess } from "../../../src/mmu/access-words.ts";
import type { TraceInput } from "../../../src/study/trace/source.ts";

/** Accesses as a program has them: a few arrays walked in turn, some lines again and again, some far away. */
export function randomWords(n: number, seed: number): AccessWords {
  const rng = random(seed);
  const bases = Array.from({ length: 5 }, () => randomLine(rng));
  const words = newAccessWords(n);
  for (let i = 0; i < n; i++) {
    const kind = rng.pick([0, 0, 1, 2]) as AccessKind;
    setAccess(words, i, clamp(lineOf(rng, bases)), kind);
  }
  return words;
}

function lineOf(rng: Random, bases: number[]): number {
  const which = rng.below(bases.length);
  const way = rng.below(10);
  if (way < 6) return bases[which]!;
  if (way === 9) return randomLine(rng);
  bases[which]! += rng.below(5) - 1;
  return bases[which]!;
}

/** Of every magnitude, the two ends among them. */
function randomLine(rng: Random): number {
  const bits = rng.below(54);
  const line = Math.floor((rng.next() / 2 ** 32) * 2 ** bits);
  return rng.pick([line, line, 2 ** 53 - 1 - line, 0, 2 ** 53 - 1]);
}

function clamp(line: number): number {
  return Math.min(Math.max(line, 0), 2 ** 53 - 1);
}

/** All bytes of a stream. */
export async function bytesOf(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

/** Bytes that come in pieces of random lengths, as from a pipe. */
export function pipeOf(bytes: Uint8Array, seed: number, name = "pipe"): TraceInput {
  const rng = random(seed);
  async function* stream() {
    for (let at = 0; at < bytes.length; ) {
      const length = rng.pick([1, 3, 70, 5000, 100000]);
      yield bytes.subarray(at, at + length);
      at += length;
    }
  }
  return { name, size: null, stream };
}

/** The message of the error that work ends with, or "no error". */
export async function messageOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}
