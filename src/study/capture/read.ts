/**
 * Reads a capture from bytes: plain JSON or gzip, our own format or the older one of the oracle's `snap` program.
 * Nothing in the file is believed: sizes are bounded before memory is used, and every number is checked, so that what
 * comes out is a possible layout. Whatever is wrong becomes one line that says where and what is allowed.
 */
import { UserError } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import type { Capture } from "./format.ts";
import { captureFrom } from "./record.ts";

/** Bounds on a file; a real capture of a process with a terabyte in use stays below them. */
export interface ReadLimits {
  /** Bytes of JSON, after decompression. */
  readonly bytes: number;
  /** Values that the file may hold (commas, in effect). */
  readonly values: number;
}

/** The limits that hold unless others are given: 256 MiB of JSON, 32 Mi values. */
export const READ_LIMITS: ReadLimits = { bytes: 2 ** 28, values: 2 ** 25 };

/** Object, list of VMAs, VMA, list of runs, run. */
const DEPTH = 5;

/** The capture in a file's bytes; `file` is its name for messages. Throws {@link UserError} for anything else. */
export async function readCapture(bytes: Uint8Array, file: string, limits: ReadLimits = READ_LIMITS): Promise<Capture> {
  const plain = isGzip(bytes) ? await gunzip(bytes, file, limits) : bytes;
  return captureFrom(parse(plain, file, limits), file);
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Compresses bytes with gzip; the same bytes give the same result (no time or name in the header). */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const { out } = await pump(bytes, new CompressionStream("gzip"), Infinity);
  return out;
}

async function gunzip(bytes: Uint8Array, file: string, limits: ReadLimits): Promise<Uint8Array> {
  const { out, error } = await pump(bytes, new DecompressionStream("gzip"), limits.bytes);
  if (out.length > limits.bytes) throw tooLarge(file, limits);
  if (error !== undefined)
    throw new UserError(`${file}: not a whole gzip file: damaged or cut short after ${out.length} bytes of content`);
  return out;
}

function tooLarge(file: string, limits: ReadLimits): UserError {
  return new UserError(`${file}: too large for a capture: at most ${formatSize(limits.bytes)} of JSON are allowed`);
}

/** All that comes out of a stream, or a little more than `limit` of it, or what came before it failed. */
async function pump(
  bytes: Uint8Array,
  through: CompressionStream | DecompressionStream,
  limit: number,
): Promise<{ out: Uint8Array; error?: unknown }> {
  const writer = through.writable.getWriter();
  // Failures of the writing side show on the reading side too, where they are handled.
  const fed = feed(writer, bytes).catch(() => undefined);
  const reader = through.readable.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (let r = await reader.read(); !r.done && length <= limit; r = await reader.read()) {
      parts.push(r.value);
      length += r.value.length;
    }
  } catch (error) {
    return { out: joined(parts, length), error };
  }
  if (length > limit) await reader.cancel().catch(() => undefined);
  await fed;
  return { out: joined(parts, length) };
}

/** In pieces, so that a small file that expands a thousandfold is stopped early. */
async function feed(writer: WritableStreamDefaultWriter<BufferSource>, bytes: Uint8Array): Promise<void> {
  const STEP = 2 ** 16;
  for (let at = 0; at < bytes.length; at += STEP) await writer.write(bytes.slice(at, at + STEP));
  await writer.close();
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function parse(bytes: Uint8Array, file: string, limits: ReadLimits): unknown {
  if (bytes.length > limits.bytes) throw tooLarge(file, limits);
  checkShape(bytes, file, limits);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${file}: not JSON: ${oneLine(error.message)}`);
    throw new UserError(`${file}: not a capture: text in UTF-8 is allowed, plain or gzip`);
  }
}

/** The engine quotes the text around an error, line breaks and all. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 160);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = [0x5b, 0x7b];
const CLOSE = [0x5d, 0x7d];

/** Bounds nesting and the number of values before the parser is let loose; also tells where a file was cut off. */
function checkShape(bytes: Uint8Array, file: string, limits: ReadLimits): void {
  let depth = 0;
  let values = 0;
  let quoted = false;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (quoted) {
      if (c === BACKSLASH) i++;
      else if (c === QUOTE) quoted = false;
    } else if (c === QUOTE) quoted = true;
    else if (c === COMMA && ++values > limits.values) throw tooMany(file, i, limits);
    else if (OPEN.includes(c) && ++depth > DEPTH) throw tooDeep(file, i);
    else if (CLOSE.includes(c)) depth--;
  }
  if (bytes.length === 0) throw new UserError(`${file}: empty: a capture in JSON is allowed, plain or gzip`);
  if (depth > 0 || quoted) throw new UserError(`${file}: cut short: the JSON is not closed at offset ${bytes.length}`);
}

function tooDeep(file: string, offset: number): UserError {
  return new UserError(`${file}: nested too deeply at offset ${offset}: at most ${DEPTH} levels are allowed`);
}

function tooMany(file: string, offset: number, limits: ReadLimits): UserError {
  return new UserError(`${file}: too many values at offset ${offset}: at most ${limits.values} are allowed`);
}
