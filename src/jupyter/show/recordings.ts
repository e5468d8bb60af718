/**
 * The recorded runs of real kernels that lie in the project, for notebooks that hold the model against them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { oneOf } from "../../base/errors.ts";
import { RECORDINGS } from "../../notebook/fresh.ts";
import { type NamedCorpus, namedCorpus } from "../../study/ops/corpora.ts";
import { PROJECT_ROOT } from "../paths.ts";

const ENDING = ".jsonl.gz";

/** All recordings of the project, in the order of their names; with names, those alone. */
export function recordings(...names: readonly string[]): NamedCorpus[] {
  const folder = `${PROJECT_ROOT}/${RECORDINGS}`;
  const all = readdirSync(folder)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
  for (const name of names) oneOf("recording", name, all);
  const chosen = names.length === 0 ? all : names;
  return chosen.map((name) => namedCorpus(name, gunzipSync(readFileSync(`${folder}/${name}${ENDING}`)).toString()));
}
