/**
 * `ptlab/jupyter` for cells of a page: the same names with the same outputs. Sources and recordings come from the site.
 */
import { beside, type Excerpt, excerptOf, type SourceIndex, type Sources } from "../../src/jupyter/show/excerpt.ts";
import { type NamedCorpus, namedCorpora } from "../../src/study/ops/corpora.ts";
import { fetchNow, published, readFileSync } from "./node/fs.ts";
import { gunzipSync } from "./node/zlib.ts";

export * from "../../src/jupyter/show/output.ts";
export { progress, progressBar } from "../../src/jupyter/show/progress.ts";
export { openComm, registerCommTarget } from "../../src/jupyter/widgets/comms.ts";
export { controls } from "../../src/jupyter/widgets/controls.ts";
export { checkbox, select, slider, textBox } from "../../src/jupyter/widgets/inputs.ts";

const indices = new Map<string, SourceIndex>();

const SOURCES: Sources = {
  files: () => published().sources,
  index(path) {
    const known = indices.get(path);
    if (known !== undefined) return known;
    const index = JSON.parse(new TextDecoder().decode(fetchNow(`cells/source/${path}.json`))) as SourceIndex;
    indices.set(path, index);
    return index;
  },
};

/** The named declarations of a file below `src/`, or the whole file. */
export const source = (path: string, ...names: string[]): Excerpt => excerptOf(SOURCES, path, names);

/** Declarations of several files beside each other. */
export const sourceBeside = (...places: readonly (readonly [string, ...string[]])[]): object =>
  beside(places.map(([path, ...names]) => source(path, ...names)));

/** All recordings of the project, in the order of their names; with names, those alone. */
export const recordings = (...names: readonly string[]): NamedCorpus[] =>
  namedCorpora(published().recordings, names, (file) =>
    gunzipSync(readFileSync(`../test/golden/oracle/${file}`) as Uint8Array).toString(),
  );
