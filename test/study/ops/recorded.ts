/**
 * The recorded kernel runs in test/golden/oracle.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parseRecorded, type Recorded } from "../../../src/study/ops/compare.ts";

/** All scripts of a file in test/golden/oracle. */
export function readRecorded(name: string): Recorded[] {
  const file = new URL(`../../golden/oracle/${name}.jsonl.gz`, import.meta.url);
  return parseRecorded(gunzipSync(readFileSync(file)).toString());
}
