/**
 * Writes and reads `.ptt` files (`ptt-layout.ts`) block by block, so that memory stays bounded whatever their length. Nothing in a
 * file is believed: every length is checked before memory is used, every block has a checksum, and what is wrong becomes one
 * line with the offset.
 */
import { deflateSync, inflateSync } from "fflate";
import { UserError } from "../../base/errors.ts";
import { type AccessWords, LINE_LG2, newAccessWords } from "../../mmu/access-words.ts";
import { decodeBlock, encodeBlock, MAX_CODED } from "./ptt-block.ts";
import {
  BLOCK_HEAD_BYTES,
  blockBytes,
  blockCrc,
  HEAD_BYTES,
  headBytes,
  indexBytes,
  indexLength,
  MAX_AREAS,
  MAX_BLOCK,
  MAX_TEXT,
  PTT_MAGIC,
  PTT_VERSION,
  type PttHead,
  type PttIndex,
  parseBlockHead,
  parseHead,
  parseIndex,
  parseTail,
  TAIL_BYTES,
  textLength,
} from "./ptt-layout.ts";
import { ALL_KINDS, CHUNK, type KindMask } from "./sink.ts";
import { cutTo, type PageRange, type TraceInput, type TraceSource } from "./source.ts";
import { SummaryReader } from "./summary.ts";

/** Pages of 4K that lines below 2^53 have. */
const MAX_PAGE = 2 ** 47;

/** What is written beside the accesses. */
export interface PttOptions {
  /** What was traced, in at most {@link MAX_TEXT} bytes. */
  readonly text: string;
  /** The kinds that the accesses were taken from; all by default. */
  readonly kinds?: KindMask;
  /**
   * What the program had touched before the accesses and with them; asked when all are written. By default what these accesses
   * touch. More areas than a file has room for are joined over the smallest gaps.
   */
  readonly areas?: () => readonly PageRange[];
  /** Accesses in a block; {@link CHUNK} by default. */
  readonly block?: number;
}

/** The bytes of a `.ptt` file, part by part. */
export async function* pttBytes(
  chunks: AsyncIterable<AccessWords> | Iterable<AccessWords>,
  { text, kinds = ALL_KINDS, areas, block = CHUNK }: PttOptions,
): AsyncIterable<Uint8Array> {
  const head = headBytes({ version: PTT_VERSION, lineLg2: LINE_LG2, kinds, block, text: shortened(text) });
  yield head;
  const summary = new SummaryReader();
  const offsets: number[] = [];
  let at = head.length;
  for await (const words of blocksOf(chunks, block)) {
    summary.add(words);
    const part = packBlock(words);
    offsets.push(at);
    at += part.length;
    yield part;
  }
  const { counts, lines, areas: touched } = summary.summary();
  const [lowest, highest] = lines ?? [0, 0];
  yield indexBytes({ offsets, areas: fewer(areas?.() ?? touched), counts, lowest, highest }, at);
}

/** At most {@link MAX_AREAS} ranges: the gaps that are left are the largest. */
function fewer(ranges: readonly PageRange[]): PageRange[] {
  const gaps = ranges.slice(1).map(({ start }, i) => start - ranges[i]!.end);
  const least = [...gaps].sort((a, b) => b - a)[MAX_AREAS - 1] ?? 0;
  const out: { start: number; end: number }[] = [];
  for (const [i, { start, end }] of ranges.entries())
    if (i === 0 || gaps[i - 1]! > least) out.push({ start, end });
    else out.at(-1)!.end = end;
  return out;
}

/** A text in at most {@link MAX_TEXT} bytes, whole letters. */
function shortened(text: string): string {
  const room = new Uint8Array(MAX_TEXT);
  return text.slice(0, new TextEncoder().encodeInto(text, room).read);
}

/** The same accesses in arrays of `block` accesses, the last one shorter. Each array is used until the next is asked for. */
async function* blocksOf(
  chunks: AsyncIterable<AccessWords> | Iterable<AccessWords>,
  block: number,
): AsyncIterable<AccessWords> {
  const words = newAccessWords(block);
  let n = 0;
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + words.length - n);
      words.set(part, n);
      n += part.length;
      at += part.length;
      if (n < words.length) continue;
      yield words;
      n = 0;
    }
  if (n > 0) yield words.subarray(0, n);
}

function packBlock(words: AccessWords): Uint8Array {
  const coded = encodeBlock(words);
  return blockBytes(words.length / 2, coded.length, deflateSync(coded, { level: 6 }));
}

/** Whether bytes begin as a `.ptt` file does. */
export function isPtt(bytes: Uint8Array): boolean {
  return bytes.length >= PTT_MAGIC.length && PTT_MAGIC.every((byte, i) => bytes[i] === byte);
}

/** A `.ptt` file. It must be one that can be read at any place: its index stands at the end. */
export async function openPtt(input: TraceInput): Promise<TraceSource> {
  const file = new PttFile(input);
  await file.open();
  const { head, index, accesses } = file;
  const lines = accesses === 0 ? null : ([index.lowest, index.highest] as const);
  const info = {
    format: "ptt",
    text: head.text,
    accesses,
    counts: index.counts,
    areas: index.areas,
    lines,
    kinds: head.kinds,
  } as const;
  return { info, chunks: (from, to) => file.chunks(from, to) };
}

class PttFile {
  readonly #input: TraceInput;
  head!: PttHead;
  index!: PttIndex;
  /** Accesses in the file. */
  accesses = 0;
  /** Where blocks are unpacked, one at a time. */
  #room = new Uint8Array(0);
  #headEnd = 0;
  #indexAt = 0;

  constructor(input: TraceInput) {
    this.#input = input;
  }

  async open(): Promise<void> {
    const { size } = this.#input;
    if (size === null || this.#input.read === undefined)
      throw new UserError(
        `${this.#input.name}: a .ptt trace is read from a file, not from a pipe: its index is at its end`,
      );
    this.head = await this.#readHead();
    this.index = await this.#readIndex(size);
    this.#checkIndex();
  }

  async *chunks(from = 0, to = Infinity): AsyncIterable<AccessWords> {
    const { block } = this.head;
    const first = Math.floor(Math.max(from, 0) / block);
    yield* cutTo(this.#blocks(first, Math.min(to, this.accesses)), from - first * block, to - first * block);
  }

  async *#blocks(first: number, to: number): AsyncIterable<AccessWords> {
    for (let i = first; i * this.head.block < to; i++) yield await this.#readBlock(i);
  }

  async #readHead(): Promise<PttHead> {
    const start = await this.#read(0, HEAD_BYTES);
    if (!isPtt(start)) throw this.#error(0, "not a .ptt trace");
    if (start[8] !== PTT_VERSION)
      throw this.#error(8, `written by another version of the format, ${start[8]}: ${PTT_VERSION} is allowed`);
    const length = textLength(start);
    if (length > MAX_TEXT) throw this.#error(16, `a text of ${length} bytes: at most ${MAX_TEXT} are allowed`);
    this.#headEnd = HEAD_BYTES + length;
    const head = parseHead(await this.#read(0, this.#headEnd));
    if (head === null) throw this.#error(0, "damaged: the checksum of the head is wrong");
    if (head.lineLg2 !== LINE_LG2 || head.block < 1 || head.block > MAX_BLOCK || head.kinds > ALL_KINDS)
      throw this.#error(9, `lines of 2^${head.lineLg2} bytes in blocks of ${head.block}: not what this version reads`);
    return head;
  }

  async #readIndex(size: number): Promise<PttIndex> {
    const at = parseTail(await this.#read(Math.max(size - TAIL_BYTES, 0), TAIL_BYTES));
    if (at === null) throw this.#error(size, "cut short: the end of the index is missing");
    const length = size - TAIL_BYTES - at;
    if (length < indexLength(0, 0) || at < this.#headEnd)
      throw this.#error(size - TAIL_BYTES, `damaged: no index at offset ${at}`);
    const index = parseIndex(await this.#read(at, length));
    if (index === null) throw this.#error(at, "damaged: the index is wrong");
    this.#indexAt = at;
    return index;
  }

  /** An index whose checksum is right may still have been made to mislead. */
  #checkIndex(): void {
    const { offsets, areas, counts, lowest, highest } = this.index;
    const { block } = this.head;
    this.accesses = counts.reduce((sum, n) => sum + n, 0);
    const starts = [...offsets, this.#indexAt];
    const apart = offsets.every((at, i) => starts[i + 1]! - at > BLOCK_HEAD_BYTES);
    const fits = this.accesses <= offsets.length * block && this.accesses > (offsets.length - 1) * block;
    const bounded = [lowest, highest, this.accesses].every((n) => n < 2 ** 53) && lowest <= highest;
    const inOrder = areas.every(
      ({ start, end }, i) => start < end && end <= MAX_PAGE && start >= (areas[i - 1]?.end ?? 0),
    );
    if (!inOrder || starts[0] !== this.#headEnd || !apart || !fits || !bounded)
      throw this.#error(this.#indexAt, "damaged: the index contradicts itself");
  }

  async #readBlock(i: number): Promise<AccessWords> {
    const { offsets } = this.index;
    const { block } = this.head;
    const at = offsets[i]!;
    const n = Math.min(block, this.accesses - i * block);
    const length = (offsets[i + 1] ?? this.#indexAt) - at;
    if (length > BLOCK_HEAD_BYTES + MAX_PACKED * n + MIN_PACKED)
      throw this.#error(at, `damaged: a block of ${length} bytes for ${n} accesses`);
    const bytes = await this.#read(at, length);
    const { accesses, unpacked, packed, crc } = parseBlockHead(bytes);
    if (blockCrc(bytes) !== crc) throw this.#error(at, `damaged: the checksum of block ${i} is wrong`);
    const words = newAccessWords(n);
    if (accesses !== n || packed !== length - BLOCK_HEAD_BYTES || unpacked > n * MAX_CODED)
      throw this.#error(at, `damaged: block ${i} and the index contradict each other`);
    // One byte more than there should be, to see whether there is more.
    if (this.#room.length <= unpacked) this.#room = new Uint8Array(unpacked + 1);
    if (!unpackBlock(bytes.subarray(BLOCK_HEAD_BYTES), this.#room.subarray(0, unpacked + 1), words))
      throw this.#error(at, `damaged: the bytes of block ${i} are not ${n} accesses`);
    return words;
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#input.read!(offset, length);
    if (bytes.length < length) throw this.#error(offset + bytes.length, "cut short");
    return bytes;
  }

  #error(offset: number, what: string): UserError {
    return new UserError(`${this.#input.name}: offset ${offset}: ${what}`);
  }
}

/** Deflate makes nothing longer by more than a few bytes in a thousand; a block may be that much longer than its code. */
const MAX_PACKED = MAX_CODED + 1;
const MIN_PACKED = 64;

/** `room` is one byte longer than the unpacked bytes must be. */
function unpackBlock(packed: Uint8Array, room: Uint8Array, words: AccessWords): boolean {
  try {
    const coded = inflateSync(packed, { out: room });
    return coded.length === room.length - 1 && decodeBlock(coded, words);
  } catch {
    return false;
  }
}
