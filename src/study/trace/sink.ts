/**
 * Where a decoder of some trace format puts its accesses: a chunk of words that is handed on when it is full, so that memory
 * stays bounded whatever the length of the trace.
 */
import { type AccessKind, type AccessWords, newAccessWords } from "../../mmu/access-words.ts";

/** Accesses in a chunk, and in a block of a `.ptt` file. */
export const CHUNK = 65536;

/** Accesses beyond {@link CHUNK} that a chunk has room for: the most that one record of a foreign trace gives. */
const SLACK = 64;

/** Which kinds of access are kept: bit `k` is kind `k` of `AccessKind`. */
export type KindMask = number;

/** Loads and stores: what translation is usually asked about. */
export const DATA_KINDS: KindMask = 0b011;
/** Loads, stores and instruction fetches. */
export const ALL_KINDS: KindMask = 0b111;

/** A chunk being filled. */
export class Sink {
  words: AccessWords = newAccessWords(CHUNK + SLACK);
  /** Accesses in it. */
  n = 0;

  /** Whether what is there should be taken before more comes. */
  get full(): boolean {
    return this.n >= CHUNK;
  }

  /** The accesses so far; the sink goes on with an empty chunk. */
  take(): AccessWords {
    const { words, n } = this;
    this.words = newAccessWords(CHUNK + SLACK);
    this.n = 0;
    return words.subarray(0, 2 * n);
  }
}

/** Turns the bytes of a foreign trace into accesses. */
export interface Decoder {
  /** Decodes from `bytes[at]` on until the bytes are used up or the sink is full, and returns where it stopped. */
  decode(bytes: Uint8Array, at: number, sink: Sink): number;
  /** The bytes have ended: throws a UserError if they should not have ended here. */
  end(): void;
}

/** Log two of the bytes of address space that a trace can name: the most that any format translates but for s390's. */
export const ADDRESS_BITS = 57;

/**
 * Puts one access for each 64-byte line that `size` bytes at an address touch, as a core does that splits what crosses a line. The
 * address is given in two halves; its bits from {@link ADDRESS_BITS} up are dropped (tags, or the sign of a kernel address).
 */
export function putLines(sink: Sink, low: number, high: number, size: number, kind: AccessKind): void {
  const { words } = sink;
  let more = (low & 63) + size - 1;
  let lowWord = ((low >>> 4) & ~3) | (high << 28) | kind;
  let highWord = (high >>> 4) & HIGH_MASK;
  for (; more >= 0; more -= 64) {
    words[2 * sink.n] = lowWord;
    words[2 * sink.n + 1] = highWord;
    sink.n++;
    lowWord = (lowWord + 4) | 0;
    if (lowWord >>> 2 === 0) highWord = (highWord + 1) & HIGH_MASK;
  }
}

const HIGH_MASK = 2 ** (ADDRESS_BITS - 4 - 32) - 1;
