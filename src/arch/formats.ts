/**
 * The list of formats. Adding a format is one file and one line here; the shared format tests then cover it.
 */
import { oneOf } from "../base/errors.ts";
import { arm64_4k } from "./arm64.ts";
import type { Format } from "./format.ts";
import { x86_64 } from "./x86-64.ts";

/** Every format that is built, in the order in which pages and lists show them. */
export const formats: readonly Format[] = [x86_64, arm64_4k];

/** The format of that name; a UserError lists the known names otherwise. */
export function formatNamed(name: string): Format {
  const known = oneOf(
    "architecture",
    name,
    formats.map((f) => f.name),
  );
  return formats.find((f) => f.name === known)!;
}
