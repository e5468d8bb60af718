/**
 * Whether a notebook's stored outputs still are what running it would give, told without running it. The key covers the
 * code, all that it imports, the simulator, what runs the cells, the data and the versions; prose, tags, metadata and the
 * order of keys in the file are not in it.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "../figure/stamp.ts";
import { digestContent, digestPaths, sourceDigest } from "./digest.ts";
import type { JsonObject, Notebook } from "./format.ts";
import { importsOf, packageVersions } from "./imports.ts";
import { outputJson } from "./write.ts";

/** Everything outside a notebook and its folder that its outputs depend on. */
export interface Surroundings {
  /** The project's folder. */
  readonly root: string;
  /** Digest of the simulator's sources. */
  readonly source: string;
  /** Digest of what runs cells and presents their values, {@link RUNNER}. */
  readonly runner: string;
  /** Digest of `notebooks/data/` and of the {@link RECORDINGS}. */
  readonly data: string;
  /** Versions of ptlab, of node (the major) and of the {@link RUNTIME_PACKAGES} with all that they depend on. */
  readonly versions: readonly string[];
}

/** Folder of the recorded runs of real kernels, from the project's root: stories hold the model against them. */
export const RECORDINGS = "test/golden/oracle";

/**
 * What stands between a cell and its stored output besides the simulator: the name by which cells import it, how they are
 * rewritten and run, how values become tables, controls and text, how outputs are collected and written, and what makes
 * this key. An edit there costs one run of all notebooks, and without it here a page could show what no cell gives any
 * more. The wire protocol and the installer take no part.
 */
export const RUNNER = [
  "src/index.ts",
  ...["cells", "session", "show", "widgets", "display.ts", "paths.ts"].map((name) => `src/jupyter/${name}`),
  ...["digest", "format", "fresh", "imports", "outputs", "run", "session", "write"].map((n) => `src/notebook/${n}.ts`),
  ...["controls", "html", "table"].map((name) => `src/notebook/render/${name}.ts`),
] as const;

/** Packages that check, run and draw; a test holds the list against what the sources import. */
export const RUNTIME_PACKAGES = ["@observablehq/plot", "fflate", "happy-dom", "typescript", "xz-decompress"] as const;

/** The surroundings of the project at `root`. */
export async function surroundings(root: string): Promise<Surroundings> {
  const [source, runner, data, version, packages] = await Promise.all([
    sourceDigest(root),
    digestPaths(root, RUNNER),
    digestPaths(root, [join("notebooks", "data"), RECORDINGS]),
    packageVersion(root),
    packageVersions(RUNTIME_PACKAGES, root),
  ]);
  const node = process.versions.node.split(".")[0];
  return { root, source, runner, data, versions: [`ptlab@${version}`, `node@${node}`, ...packages] };
}

async function packageVersion(folder: string): Promise<string> {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8")).version;
}

/** The key of a notebook's present code in its folder and these surroundings. */
export async function freshnessKey(nb: Notebook, folder: string, around: Surroundings): Promise<string> {
  const code = nb.cells.filter((cell) => cell.cell_type === "code").map((cell) => cell.source);
  const { root, ...outside } = around;
  const [{ files, packages }, data] = await Promise.all([importsOf(code, folder, root), digestPaths(folder, ["data"])]);
  return digestContent(canonicalJson({ code, ...outside, beside: { files, packages, data } }));
}

/** True if the stored outputs came from this code in these surroundings and nobody has changed them since. */
export async function isFresh(nb: Notebook, folder: string, around: Surroundings): Promise<boolean> {
  const stored = nb.metadata.ptlab as JsonObject | undefined;
  return stored?.outputs === outputsDigest(nb) && stored.key === (await freshnessKey(nb, folder, around));
}

/** The notebook with the marks by which {@link isFresh} knows it again; `key` is that of the run. */
export function markFresh(nb: Notebook, key: string): Notebook {
  const ptlab = { key, outputs: outputsDigest(nb) };
  return { ...nb, metadata: { ...nb.metadata, ptlab } };
}

function outputsDigest(nb: Notebook): string {
  const code = nb.cells.filter((cell) => cell.cell_type === "code");
  return digestContent(canonicalJson(code.map((cell) => [cell.execution_count, cell.outputs.map(outputJson)])));
}
