/**
 * Digests of the things that a notebook's outputs depend on: the simulator's sources, the data files, the versions.
 * Names and contents both count, and the order in which a file system lists them does not.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** The folders of `src/` that make up the simulator: everything that a page runs, nothing that only serves it. */
export const SIMULATOR_FOLDERS = [
  "base",
  "arch",
  "machine",
  "mmu",
  "pgtable",
  "design",
  "mm",
  "study",
  "figure",
] as const;

/** First 16 hex digits of a SHA-256: enough to tell versions apart, short enough for a stamp. */
export const digestContent = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex").slice(0, 16);

/** Digest of the simulator's sources under a project root. Stands in a stamp where others would put a revision. */
export const sourceDigest = (root: string): Promise<string> =>
  digestPaths(
    root,
    SIMULATOR_FOLDERS.map((folder) => join("src", folder)),
  );

/** Digest of files and folders (with all below them) by their names relative to `root`; what is missing counts as empty. */
export async function digestPaths(root: string, paths: readonly string[]): Promise<string> {
  const names = (await Promise.all(paths.map((path) => filesBelow(root, path)))).flat().sort();
  const hash = createHash("sha256");
  for (const name of names) {
    const content = createHash("sha256").update(await readFile(join(root, name)));
    hash.update(`${name}\0${content.digest("hex")}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

async function filesBelow(root: string, path: string): Promise<string[]> {
  const found = await stat(join(root, path)).catch(() => undefined);
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  const names = (await readdir(join(root, path))).filter((name) => !isScratch(name));
  return (await Promise.all(names.map((name) => filesBelow(root, join(path, name))))).flat();
}

/** Editors' and our own unfinished files, which come and go beside the real ones. */
const isScratch = (name: string): boolean => name.startsWith(".") || name.endsWith("~") || name.endsWith(".tmp");
