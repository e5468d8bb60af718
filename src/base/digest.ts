/**
 * A short digest that tells one text or file from another, the same in Node and in a browser, without waiting.
 * It is 64-bit FNV-1a (Fowler, Noll, Vo; offset basis and prime as published): good against accident, not against attack.
 */
import { kept } from "./kept.ts";

const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
/** The prime is 2^40 + 0x1b3: its low part is multiplied, its high part is a shift by 8 into the upper word. */
const PRIME_LOW = 0x1b3;

/** Digest of a text (as UTF-8) or of bytes: 16 lower-case hexadecimal digits. */
export function digest(data: string | Uint8Array): string {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  for (let i = 0; i < bytes.length; i++) {
    const mixed = (low ^ bytes[i]!) >>> 0;
    // Both products stay below 2^53, so that plain numbers are exact.
    const product = mixed * PRIME_LOW;
    high = (high * PRIME_LOW + Math.floor(product / 2 ** 32) + ((mixed << 8) >>> 0)) % 2 ** 32;
    low = product % 2 ** 32;
  }
  return word(high) + word(low);
}

const known = new WeakMap<Uint8Array, string>();

/** Digest of a file's content. That of bytes is kept for as long as they are: nobody changes what was read from a file. */
export function fileDigest(content: string | Uint8Array): string {
  if (typeof content === "string") return digest(content);
  return kept(known, content, () => digest(content));
}

function word(value: number): string {
  return value.toString(16).padStart(8, "0");
}
