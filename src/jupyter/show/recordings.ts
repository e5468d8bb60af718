/**
 * The recorded runs of real kernels that lie in the project, for notebooks that hold the model against them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { RECORDINGS } from "../../notebook/fresh.ts";
import { type NamedCorpus, namedCorpora } from "../../study/ops/corpora.ts";
import { PROJECT_ROOT } from "../paths.ts";

/** All recordings of the project, in the order of their names; with names, those alone. */
export function recordings(...names: readonly string[]): NamedCorpus[] {
  const folder = `${PROJECT_ROOT}/${RECORDINGS}`;
  return namedCorpora(readdirSync(folder), names, (file) => gunzipSync(readFileSync(`${folder}/${file}`)).toString());
}
