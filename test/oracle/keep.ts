/**
 * Recordings in the form in which test/golden/oracle keeps them.
 */
import type { Recorded } from "../../src/study/ops/compare.ts";

/** Known to the engine and not yet to the language's library. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** JSON lines: a header and a record for each operation, script by script. */
export function recordedText(recordings: readonly Recorded[]): string {
  const lines = recordings.flatMap(({ header, records }) => [header, ...records]);
  return lines.map((line) => `${JSON.stringify(line, bigintAsDigits)}\n`).join("");
}

function bigintAsDigits(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJSON(value.toString()) : value;
}
