/**
 * Whether a notebook's stored outputs still are what running it would give, told without running it. The key covers the
 * code, the simulator, the data and the versions; prose, tags and the order of keys in the file are not in it.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { digestPaths, digestText, sourceDigest } from "./digest.ts";
import type { JsonObject, Notebook } from "./format.ts";
import { canonicalJson, outputJson } from "./write.ts";

/** Everything outside a notebook that its outputs depend on. */
export interface Surroundings {
  /** Digest of the simulator's sources. */
  readonly source: string;
  /** Digest of `notebooks/data/` and of the {@link RECORDINGS}. */
  readonly data: string;
  /** Version of ptlab. */
  readonly version: string;
  /** Versions of what runs, checks and draws: node's major, TypeScript and Plot. */
  readonly runtime: string;
}

/** Folder of the recorded runs of real kernels, from the project's root: stories hold the model against them. */
export const RECORDINGS = "test/golden/oracle";

/** Raise it when outputs are stored in another way, so that every notebook runs again. */
const STORAGE_FORM = 2;

/** The surroundings of the project at `root`. */
export async function surroundings(root: string): Promise<Surroundings> {
  const [source, data, version, typescript, plot] = await Promise.all([
    sourceDigest(root),
    digestPaths(root, [join("notebooks", "data"), RECORDINGS]),
    packageVersion(root),
    packageVersion(join(root, "node_modules", "typescript")),
    packageVersion(join(root, "node_modules", "@observablehq", "plot")),
  ]);
  const node = process.versions.node.split(".")[0];
  return { source, data, version, runtime: `node ${node}, typescript ${typescript}, plot ${plot}` };
}

async function packageVersion(folder: string): Promise<string> {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8")).version;
}

/** The key of a notebook's present code in these surroundings. */
export function freshnessKey(nb: Notebook, around: Surroundings): string {
  const code = nb.cells.filter((cell) => cell.cell_type === "code").map((cell) => cell.source);
  const { source, data, version, runtime } = around;
  return digestText(canonicalJson([STORAGE_FORM, code, source, data, version, runtime]));
}

/** True if the stored outputs came from this code in these surroundings and nobody has changed them since. */
export function isFresh(nb: Notebook, around: Surroundings): boolean {
  const stored = nb.metadata.ptlab as JsonObject | undefined;
  return stored?.key === freshnessKey(nb, around) && stored.outputs === outputsDigest(nb);
}

/** The notebook with the marks by which {@link isFresh} knows it again. */
export function markFresh(nb: Notebook, around: Surroundings): Notebook {
  const ptlab = { key: freshnessKey(nb, around), outputs: outputsDigest(nb) };
  return { ...nb, metadata: { ...nb.metadata, ptlab } };
}

function outputsDigest(nb: Notebook): string {
  const code = nb.cells.filter((cell) => cell.cell_type === "code");
  return digestText(canonicalJson(code.map((cell) => [cell.execution_count, cell.outputs.map(outputJson)])));
}
