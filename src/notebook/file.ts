/**
 * Notebook files on disk: found, read within bounds, and replaced whole.
 */
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { MAX_NOTEBOOK_BYTES, type Notebook, parseNotebook } from "./format.ts";
import { formatNotebook } from "./write.ts";

/** Names of the notebooks in a folder, in the order of their numbers. A missing folder holds none. */
export async function listNotebooks(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => name.endsWith(".ipynb") && !name.startsWith(".")).sort();
}

/** Names of the captures and traces in a folder: its plain files, without the notes that describe them. */
export async function dataFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
  return files
    .map((entry) => entry.name)
    .filter((name) => !/\.(md|tmp)$/.test(name))
    .sort();
}

/** The notebook in a file. `shownAs` is the name in errors. Throws {@link UserError}. */
export async function readNotebook(path: string, shownAs = path): Promise<Notebook> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UserError(`${shownAs}: there is no such notebook`);
  if (!found.isFile()) throw new UserError(`${shownAs}: this is not a file`);
  if (found.size > MAX_NOTEBOOK_BYTES) throw new UserError(`${shownAs}: larger than ${MAX_NOTEBOOK_BYTES} bytes`);
  return parseNotebook(await readFile(path, "utf8"), shownAs);
}

/** Replaces a notebook file; a reader sees the old one or the new one, never a part. */
export const writeNotebook = (path: string, nb: Notebook): Promise<void> => replaceFile(path, formatNotebook(nb));

/** Writes to a temporary name beside the file and renames; leaves no temporary file behind if that fails. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = join(`${path}.${process.pid}.tmp`);
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
