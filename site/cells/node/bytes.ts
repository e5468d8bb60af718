/**
 * Bytes that are text when they are asked for it, as those that Node reads are.
 */
class FileBytes extends Uint8Array<ArrayBuffer> {
  // What is cut out of it is bytes and nothing more.
  static override get [Symbol.species]() {
    return Uint8Array;
  }

  override toString(): string {
    return new TextDecoder().decode(this);
  }
}

/** A copy of bytes that has `toString()` for UTF-8. */
export const bytesOf = (bytes: Uint8Array): Uint8Array => new FileBytes(bytes);
