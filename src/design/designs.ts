/**
 * The list of designs. Adding one is one file and one line here; the shared contract then covers it.
 */
import { oneOf } from "../base/errors.ts";
import { cursor } from "./cursor.ts";
import type { Design } from "./design.ts";
import { folded } from "./folded.ts";
import { pagewalk } from "./pagewalk-ops.ts";
import { ptRangeWalk } from "./pt-range-walk-ops.ts";
import { ptp } from "./ptp-ops.ts";

/** Every design that is built, in the order in which pages and tables show them. */
export const designs: readonly Design[] = [folded, ptp, cursor, pagewalk, ptRangeWalk];

/** The design of that name; a UserError lists the known names otherwise. */
export function designNamed(name: string): Design {
  const known = oneOf(
    "design",
    name,
    designs.map((d) => d.name),
  );
  return designs.find((d) => d.name === known)!;
}
