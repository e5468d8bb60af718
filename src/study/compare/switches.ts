/**
 * Switches that one may turn on a machine, each as two sides of a comparison: the older or plainer first.
 */
import { oneOf } from "../../base/errors.ts";
import type { Side } from "./compare.ts";

/** A change of one thing. */
export interface Switch {
  readonly name: string;
  readonly a: Side;
  readonly b: Side;
}

/** Every switch that figures offer: of the kernel first, then of the design. */
export const SWITCHES: readonly Switch[] = [
  {
    name: "batching",
    a: { label: "one by one", spec: { batching: false } },
    b: { label: "batched", spec: { batching: true } },
  },
  {
    name: "contpte",
    a: { label: "contpte off", spec: { contpte: false } },
    b: { label: "contpte on", spec: { contpte: true } },
  },
  kernels("6.12", "6.18"),
  kernels("6.18", "7.2"),
  designPair("pagewalk", "ptRangeWalk"),
  designPair("folded", "pagewalk"),
  designPair("folded", "ptp"),
  designPair("ptp", "cursor"),
];

function kernels(a: string, b: string): Switch {
  const side = (kernel: string): Side => ({ label: `kernel ${kernel}`, spec: { kernel } });
  return { name: `kernel ${a} / ${b}`, a: side(a), b: side(b) };
}

function designPair(a: string, b: string): Switch {
  const side = (design: string): Side => ({ label: design, spec: { design } });
  return { name: `${a} / ${b}`, a: side(a), b: side(b) };
}

/** The switch of that name; a UserError lists the known ones otherwise. */
export function switchNamed(name: string): Switch {
  const known = oneOf(
    "switch",
    name,
    SWITCHES.map((s) => s.name),
  );
  return SWITCHES.find((s) => s.name === known)!;
}
