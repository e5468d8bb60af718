/**
 * Reads what `valgrind --tool=lackey --trace-mem=yes` prints: `I  04001090,3` for an instruction, ` L 1ffeffe7e,8` for a load, ` S` for
 * a store, ` M` for a load and a store of the same bytes, which is one store here (`AccessKind`). Bytes are parsed as they are;
 * making strings of them costs twenty times as much.
 *
 * A cut between two lines cannot be told from an end: lackey prints no count.
 *
 * Source: lackey/lk_main.c of valgrind 3.19, whose `MAX_DSIZE` bounds the size of an access.
 */
import { UserError } from "../../base/errors.ts";
import { AccessKind } from "../../mmu/access-words.ts";
import { CHUNK, DATA_KINDS, type Decoder, type KindMask, putLines, type Sink } from "./sink.ts";

/** Largest access that lackey prints. */
export const MAX_SIZE = 512;

/** Longest line that can be an access: two letters, a space, 16 digits, a comma, 3 digits. Longer ones are not collected. */
const MAX_LINE = 40;

const NEWLINE = 10;
const SPACE = 32;
const COMMA = 44;
const ZERO = 48;
const NONE = 255;

/** Value of a hexadecimal digit by its byte, {@link NONE} for what is none. */
const DIGIT = new Uint8Array(256).fill(NONE);
for (let d = 0; d < 16; d++) for (const c of [d.toString(16), d.toString(16).toUpperCase()]) DIGIT[c.charCodeAt(0)] = d;

/** Beyond the bytes there is no digit. */
function digitAt(bytes: Uint8Array, at: number): number {
  return DIGIT[bytes[at]! & 255]!;
}

/** Kind by the letter of a line's head. */
const KIND = new Uint8Array(256).fill(NONE);
for (const [letter, kind] of [
  ["I", AccessKind.fetch],
  ["L", AccessKind.load],
  ["S", AccessKind.store],
  ["M", AccessKind.store],
] as const)
  KIND[letter.charCodeAt(0)] = kind;

/** Bytes that begin the lines in which valgrind speaks itself: `==`, `--`, `**`. */
const REMARK = new Set([..."=-*"].map((c) => c.charCodeAt(0)));

/** The decoder of lackey's text. `name` is the file's for messages; kinds not in the mask are passed over. */
export class LackeyDecoder implements Decoder {
  readonly #name: string;
  readonly #kinds: KindMask;
  /** A line whose end has not come yet. */
  readonly #carry = new Uint8Array(MAX_LINE);
  #carried = 0;
  /** Inside a remark of valgrind, which may be of any length. */
  #skipping = false;
  /** Whole lines read, and the bytes before the line being read. */
  #lines = 0;
  #offset = 0;

  constructor(name: string, kinds: KindMask = DATA_KINDS) {
    this.#name = name;
    this.#kinds = kinds;
  }

  decode(bytes: Uint8Array, at: number, sink: Sink): number {
    if (this.#skipping) return this.#skip(bytes, at);
    if (this.#carried > 0) return this.#finishLine(bytes, at, sink);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end > at) return this.#parse(bytes, at, end, sink);
    this.#skipping = REMARK.has(bytes[at]!);
    return this.#skipping ? this.#skip(bytes, at) : this.#carryOver(bytes, at, bytes.length);
  }

  end(): void {
    if (this.#carried > 0) throw this.#error(this.#carry, 0, this.#carried, "the file is cut short in");
  }

  #skip(bytes: Uint8Array, at: number): number {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    this.#offset += end - at;
    if (newline >= 0) {
      this.#skipping = false;
      this.#lines++;
    }
    return end;
  }

  #carryOver(bytes: Uint8Array, at: number, end: number): number {
    const room = MAX_LINE - this.#carried;
    this.#carry.set(bytes.subarray(at, Math.min(end, at + room)), this.#carried);
    if (end - at > room) throw this.#error(this.#carry, 0, MAX_LINE, NO_ACCESS);
    this.#carried += end - at;
    return end;
  }

  #finishLine(bytes: Uint8Array, at: number, sink: Sink): number {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = this.#carryOver(bytes, at, newline < 0 ? bytes.length : newline + 1);
    if (newline < 0) return end;
    this.#parse(this.#carry, 0, this.#carried, sink);
    this.#carried = 0;
    return end;
  }

  /** Accesses from the whole lines in `[from, end)`, until the sink is full. */
  #parse(bytes: Uint8Array, from: number, end: number, sink: Sink): number {
    const kinds = this.#kinds;
    let at = from;
    let lines = 0;
    while (at < end && sink.n < CHUNK) {
      const start = at;
      const first = bytes[at]!;
      const kind = KIND[first === SPACE ? bytes[at + 1]! : first]!;
      let low = 0;
      let high = 0;
      at += 3;
      for (let digit = digitAt(bytes, at); digit !== NONE; digit = digitAt(bytes, ++at)) {
        high = (high << 4) | (low >>> 28);
        low = (low << 4) | digit;
      }
      const comma = at++;
      let size = 0;
      for (let digit = bytes[at]! - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at]! - ZERO)
        size = size * 10 + digit;
      if (!isAccess(bytes, start, comma, at, kind, size)) {
        if (!REMARK.has(first)) throw this.#lineError(bytes, from, start, lines);
        at = bytes.indexOf(NEWLINE, start);
      } else if ((kinds >>> kind) & 1) putLines(sink, low, high, size, kind as AccessKind);
      at++;
      lines++;
    }
    this.#lines += lines;
    this.#offset += at - from;
    return at;
  }

  #lineError(bytes: Uint8Array, from: number, start: number, lines: number): UserError {
    this.#lines += lines;
    this.#offset += start - from;
    return this.#error(bytes, start, bytes.indexOf(NEWLINE, start), NO_ACCESS);
  }

  #error(bytes: Uint8Array, start: number, end: number, what: string): UserError {
    const shown = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + MAX_LINE)));
    const where = `${this.#name}: line ${this.#lines + 1}, offset ${this.#offset}`;
    return new UserError(`${where}: ${what} ${JSON.stringify(shown)}: ${ALLOWED}`);
  }
}

const NO_ACCESS = "not an access of lackey's:";
const ALLOWED = `lines like ' L 1ffeffe7e,8' of at most ${MAX_SIZE} bytes are allowed`;

/** Whether a line that was read as an access is one, to the letter. */
function isAccess(bytes: Uint8Array, start: number, comma: number, end: number, kind: number, size: number): boolean {
  const letter = bytes[start] === SPACE ? 1 : 0;
  return (
    kind !== NONE &&
    (letter === 1) === (kind !== AccessKind.fetch) &&
    bytes[start + 1 - letter] === SPACE &&
    bytes[start + 2] === SPACE &&
    comma - start > 3 &&
    comma - start <= 19 &&
    bytes[comma] === COMMA &&
    bytes[end] === NEWLINE &&
    end - comma <= 4 &&
    size > 0 &&
    size <= MAX_SIZE
  );
}
