/**
 * The list of formats. Adding a format is one file and one line here; the shared format tests then cover it.
 */
import { oneOf } from "../base/errors.ts";
import { arm64Formats } from "./arm64.ts";
import type { Format } from "./format.ts";
import { riscvFormats } from "./riscv.ts";
import { s390Formats } from "./s390.ts";
import { x86_32 } from "./x86-32.ts";
import { x86_64, x86_64_la57 } from "./x86-64.ts";
import { x86_pae } from "./x86-pae.ts";

/** Every format that is built, in the order in which pages and lists show them. */
export const formats: readonly Format[] = [
  x86_64,
  x86_64_la57,
  x86_pae,
  x86_32,
  ...arm64Formats,
  ...riscvFormats,
  ...s390Formats,
];

/** The format of that name; a UserError lists the known names otherwise. */
export function formatNamed(name: string): Format {
  const known = oneOf(
    "architecture",
    name,
    formats.map((f) => f.name),
  );
  return formats.find((f) => f.name === known)!;
}
