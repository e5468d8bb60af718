/**
 * Files of the site that take seconds to make and change seldom: they are kept from one build to the next in `.ptlab/`.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestPaths } from "../src/notebook/digest.ts";
import { replaceFile } from "../src/notebook/file.ts";

/** A file that is made. */
export interface Made {
  readonly name: string;
  /** The files and folders of the project that decide over its content. */
  readonly inputs: readonly string[];
  make(): Promise<string>;
}

/** Digests of inputs that are known already, for several files that are made at one time. */
export type Digests = Map<string, Promise<string>>;

/** The project's folder, in which Astro runs: the place of a module says nothing where it has been bundled. */
const root = process.cwd();

/** The file as it was made last if nothing that it depends on has changed since. */
export async function kept({ name, inputs, make }: Made, digests: Digests = new Map()): Promise<string> {
  const path = join(root, ".ptlab", name);
  for (const input of inputs) if (!digests.has(input)) digests.set(input, digestPaths(root, [input]));
  const key = `${await Promise.all(inputs.map((input) => digests.get(input)))}\n`;
  const stored = await readFile(path, "utf8").catch(() => "");
  if (stored.startsWith(key)) return stored.slice(key.length);
  const text = await make();
  await write(path, key + text);
  return text;
}

/** Writes a file whole, with the folders that it needs. */
export async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, text);
}
