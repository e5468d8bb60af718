/**
 * Writes a file whole or not at all: to a temporary name in the same folder, which is then given the final name.
 */
import { access, constants, lstat, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../base/errors.ts";

/** Ends with a {@link UserError} if a file cannot be made there: before the work, not after it. */
export async function checkWritable(file: string, force: boolean): Promise<void> {
  const folder = dirname(file);
  const kind = await stat(folder).catch(() => undefined);
  if (kind === undefined) throw new UserError(`cannot write ${file}: there is no folder ${folder}`);
  if (!kind.isDirectory()) throw new UserError(`cannot write ${file}: ${folder} is not a folder`);
  const there = await lstat(file).catch(() => undefined);
  if (there?.isDirectory()) throw new UserError(`cannot write ${file}: it is a folder`);
  if (there !== undefined && !force) throw new UserError(`${file} exists: give --force to replace it`);
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw new UserError(`cannot write ${file}: ${reason(error)}`);
  });
}

/** Writes the bytes, at once or as they come. Nothing is left behind when it fails or is interrupted. */
export async function writeWhole(
  file: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  try {
    await writeFile(temporary, bytes, { flag: "wx", signal });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    signal?.throwIfAborted();
    // What the bytes' own maker has to say is not about the file.
    if (error instanceof UserError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new UserError(`cannot write ${file}: ${reason(error)}`);
  }
}

/** What the operating system says, in a few words without paths. */
export function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === undefined ? String(message) : (WORDS[code] ?? code);
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left",
  ENOENT: "no such file",
  EISDIR: "it is a folder",
  ENAMETOOLONG: "the name is too long",
};
