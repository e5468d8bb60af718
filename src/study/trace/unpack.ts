/**
 * Takes gzip and xz off a stream of bytes. Both are unpacked piece by piece; a file that is cut or damaged becomes one line that says
 * after how many unpacked bytes.
 */
import { UserError } from "../../base/errors.ts";

/** The packings that are known. */
export type Packing = "gzip" | "xz" | "none";

const XZ_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

/** How bytes are packed, by their first six. */
export function packingOf(bytes: Uint8Array): Packing {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  return XZ_MAGIC.every((byte, i) => bytes[i] === byte) ? "xz" : "none";
}

/** The unpacked bytes. */
export function unpacked(bytes: AsyncIterable<Uint8Array>, packing: Packing, name: string): AsyncIterable<Uint8Array> {
  return packing === "none" ? bytes : unpack(bytes, packing, name);
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
        `${name}: not a whole ${packing} file: damaged or cut short after offset ${length} of its content`,
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
