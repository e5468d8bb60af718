/**
 * Takes gzip and xz off a stream of bytes. Both are unpacked piece by piece; a file that is cut or damaged becomes one line that says
 * after how many unpacked bytes.
 */
import { UserError } from "../../base/errors.ts";
import { formatSize, MiB } from "../../base/size.ts";

/** The packings that are known. */
export type Packing = "gzip" | "xz" | "none";

const XZ_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

/** How bytes are packed, by their first six. */
export function packingOf(bytes: Uint8Array): Packing {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  return XZ_MAGIC.every((byte, i) => bytes[i] === byte) ? "xz" : "none";
}

/** The unpacked bytes of a stream that begins with `head`. Throws {@link UserError} if unpacking would take too much memory. */
export function unpacked(bytes: AsyncIterable<Uint8Array>, head: Uint8Array, name: string): AsyncIterable<Uint8Array> {
  const packing = packingOf(head);
  if (packing === "none") return bytes;
  const dictionary = packing === "xz" ? xzDictionary(head) : 0;
  if (dictionary > MAX_DICTIONARY)
    throw new UserError(
      `${name}: offset ${XZ_HEAD}: an xz dictionary of ${formatSize(dictionary)}: at most ${formatSize(MAX_DICTIONARY)} are allowed`,
    );
  return unpack(bytes, packing, name);
}

/** Largest dictionary that is unpacked; `xz -9` takes 64 MiB. */
const MAX_DICTIONARY = 256 * MiB;

/** Bytes before the first block's header. */
const XZ_HEAD = 12;
const LZMA2 = 0x21;

/**
 * Bytes of dictionary that the first block of an xz file asks for, 0 if that cannot be told; the decoder then says what is wrong. It
 * knows no filter but LZMA2.
 * Source: The .xz File Format 1.1.0, sections 3.1 and 5.3.1.
 */
function xzDictionary(head: Uint8Array): number {
  const flags = head[XZ_HEAD + 1]!;
  let at = XZ_HEAD + 2;
  const skipNumber = () => {
    while (head[at++]! & 128);
  };
  if (flags & 0x40) skipNumber();
  if (flags & 0x80) skipNumber();
  const [id, length, bits] = head.subarray(at, at + 3);
  if (id !== LZMA2 || length !== 1 || bits! > 40) return 0;
  return bits === 40 ? 2 ** 32 - 1 : (2 + (bits! & 1)) * 2 ** ((bits! >> 1) + 11);
}

async function* unpack(
  bytes: AsyncIterable<Uint8Array>,
  packing: "gzip" | "xz",
  name: string,
): AsyncIterable<Uint8Array> {
  const reader = (await through(webStream(bytes), packing)).getReader();
  let length = 0;
  try {
    for (let part = await read(reader); !part.done; part = await read(reader)) {
      length += part.value.length;
      if (part.value.length > 0) yield part.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }

  async function read(from: ReadableStreamDefaultReader<Uint8Array>) {
    try {
      return await from.read();
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(
        `${name}: not a whole ${packing} file: cut short, damaged or of an unknown kind after offset ${length} of its content`,
      );
    }
  }
}

async function through(
  packed: ReadableStream<Uint8Array>,
  packing: "gzip" | "xz",
): Promise<ReadableStream<Uint8Array>> {
  if (packing === "gzip")
    return packed.pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>);
  const { XzReadableStream } = await import("xz-decompress");
  return new XzReadableStream(packed);
}

/** The bytes as a stream of the web's. */
function webStream(bytes: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const from = bytes[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await from.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await from.return?.()),
    },
    { highWaterMark: 0 },
  );
}
