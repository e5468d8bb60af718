/**
 * Bytes that are text when they are asked for it, as those that Node reads are.
 */

/** A copy of bytes that has `toString()` for UTF-8. */
export function bytesOf(bytes: Uint8Array): Uint8Array {
  const text = { value: () => new TextDecoder().decode(bytes), enumerable: false };
  return Object.defineProperty(Uint8Array.from(bytes), "toString", text);
}
