/**
 * Operations of the running kernel (`kernel.c`) beside those of the simulated one, over 1 GiB of 4K pages. The ratio of each pair is
 * taken within one round; goals are ratios to the kernel.
 */
import { buildC, startC } from "./c-program.ts";
import type { BenchCase, Context, Round, Variant } from "./harness.ts";
import { modelVariant, OPS, type Op, WARM_UP } from "./kernel-model.ts";

const KERNEL = "the running kernel";

/** One operation of the kernel's and what stands beside it. */
export interface Pair {
  readonly name: string;
  /** What `kernel.c` calls it. */
  readonly ask: string;
  readonly rivals: readonly { readonly name: string; readonly op: Op; readonly atMost?: number }[];
}

/** The pairs. */
export const PAIRS: readonly Pair[] = [
  { name: "guard install on an empty range", ask: "guard", rivals: [{ name: "mm", op: OPS.guard, atMost: 1 / 20 }] },
  { name: "fork, the parent's side", ask: "fork", rivals: [{ name: "mm", op: OPS.fork, atMost: 1 / 10 }] },
  { name: "munmap", ask: "unmap", rivals: [{ name: "mm", op: OPS.unmap, atMost: 1 / 10 }] },
  { name: "mprotect to read-only", ask: "protect", rivals: [{ name: "mm", op: OPS.protect, atMost: 1 / 10 }] },
  { name: "mprotect to writable", ask: "unprotect", rivals: [{ name: "mm", op: OPS.unprotect, atMost: 1 / 10 }] },
  {
    name: "walk with a callback, beside PAGEMAP_SCAN",
    ask: "scan",
    rivals: [
      { name: "pagewalk", op: OPS.countByCallback, atMost: 1 },
      { name: "ptRangeWalk", op: OPS.countByRuns },
    ],
  },
  {
    name: "mincore",
    ask: "mincore",
    rivals: [
      { name: "mm", op: OPS.mincore, atMost: 1 },
      { name: "ptRangeWalk", op: OPS.mincoreByRuns, atMost: 1 },
    ],
  },
  { name: "populate", ask: "populate", rivals: [{ name: "mm", op: OPS.populate }] },
  {
    name: "touch",
    ask: "touch",
    rivals: [
      { name: "mm, access by access", op: OPS.touch },
      { name: "mm, as a range", op: OPS.touchRange },
    ],
  },
  { name: "DONTNEED", ask: "dontneed", rivals: [{ name: "mm", op: OPS.dontneed }] },
];

/** Operations that take milliseconds are done so often in a round. */
const TIMES = 9;

export const cases: readonly BenchCase[] = PAIRS.map(({ name, ask, rivals }) => ({
  group: "kernel",
  name,
  unit: "page",
  baseline: KERNEL,
  goals: rivals.flatMap((r) => (r.atMost === undefined ? [] : [{ variant: r.name, atMost: r.atMost }])),
  warmUp: 2 ** 19,
  variants: async (context) => {
    const mib = context.quick ? 256 : 1024;
    return [
      await kernelVariant(context, mib, ask),
      ...rivals.map(({ name: rival, op }) =>
        op === OPS.touch
          ? modelVariant(rival, op, mib * 256, 1, WARM_UP / 16)
          : modelVariant(rival, op, mib * 256, TIMES),
      ),
    ];
  },
}));

/** The kernel's side, or why it cannot be had: what an older kernel does not know is left out. */
async function kernelVariant(context: Context, mib: number, ask: string): Promise<Variant | string> {
  if (process.platform !== "linux") return `${KERNEL}: this is not Linux`;
  const file = buildC(context, "kernel.c");
  if (file === null) return `${KERNEL}: there is no gcc`;
  const program = startC(context, file, [`${mib}`]);
  const first = await program.ask<Round | { error: string }>(ask);
  if ("error" in first) return `${KERNEL}: ${first.error}`;
  return { name: KERNEL, round: () => program.ask(ask) };
}
