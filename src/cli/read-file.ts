/**
 * Reads a file of a kind that has an end: what goes on beyond any of that kind, such as a device, is given up and not read into memory.
 */
import { open } from "node:fs/promises";
import { UserError } from "../base/errors.ts";
import { formatSize } from "../base/size.ts";
import { reason } from "./write-file.ts";

/** A file's bytes, at most `most` of them; `what` names the kind. Throws a {@link UserError} if it cannot be read or is larger. */
export async function readBounded(file: string, most: number, what: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    const handle = await open(file);
    for await (const part of handle.createReadStream()) {
      parts.push(part as Buffer);
      length += (part as Buffer).length;
      if (length > most) break;
    }
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${reason(error)}`);
  }
  if (length > most) throw new UserError(`${file}: too large for ${what}: at most ${formatSize(most)} are allowed`);
  return Buffer.concat(parts);
}
