/**
 * What a page costs when there are many: time per page over 64 GiB of mapped 4K pages beside 16 GiB, or with `--big` over 256; and the
 * memory that a mapped page takes. Below some GiB tables fit into caches, so less is no measure.
 */
import type { BenchCase, Context, Variant } from "./harness.ts";
import { modelVariant, OPS, type Op, Place } from "./kernel-model.ts";

const PAGES_OF_GIB = 2 ** 18;
/** How much more a page may cost where there are more. */
const GROWTH = 1.25;
const BYTES = 16;

const GROWING: readonly { readonly name: string; readonly op: Op }[] = [
  { name: "populate on a new machine", op: OPS.populateNew },
  { name: "populate", op: OPS.populate },
  { name: "touch, as a range", op: OPS.touchRange },
  { name: "guard install", op: OPS.guard },
  { name: "fork", op: OPS.fork },
  { name: "mprotect", op: OPS.protect },
  { name: "mincore", op: OPS.mincore },
  { name: "walk with a callback", op: OPS.countByCallback },
  { name: "munmap", op: OPS.unmap },
];

const growth: BenchCase[] = GROWING.map(({ name, op }) => ({
  group: "kernel",
  name: `growth, ${name}`,
  unit: "page",
  baseline: "16 GiB",
  goals: [64, 256].map((gib) => ({ variant: `${gib} GiB`, atMost: GROWTH })),
  warmUp: 1,
  rounds: 5,
  variants: ({ big, quick }) => {
    const sizes = quick ? [4, 16] : [16, big ? 256 : 64];
    return sizes.map((gib) => modelVariant(`${gib} GiB`, op, gib * PAGES_OF_GIB, 1));
  },
}));

/** Bytes of the arrays that hold entries, frames and folios, which {@link Place} makes for itself alone. */
function structures(pages: number): Variant {
  return {
    name: "tables and frames",
    round: () => {
      const place = new Place(pages);
      place.fresh(true);
      const { tables, frames } = place.mm.kernel;
      return { units: pages, amount: tables.bytes + frames.bytes };
    },
  };
}

/** By how much the process grew, which was not that large before; it took other things as well meanwhile. */
function resident(pages: number): Variant {
  return {
    name: "the process' resident memory",
    round: () => {
      const before = process.memoryUsage.rss();
      new Place(pages).fresh(true);
      return { units: pages, amount: process.memoryUsage.rss() - before };
    },
  };
}

const memory: BenchCase = {
  group: "kernel",
  name: "memory of a mapped page",
  unit: "page",
  measures: "bytes",
  goals: [
    { variant: "tables and frames", atMost: BYTES, of: null },
    { variant: "the process' resident memory", atMost: BYTES, of: null },
  ],
  baseline: "tables and frames",
  // Once, and first of all: what an earlier round has left would be used again, and not seen.
  warmUp: 0,
  rounds: 1,
  variants: ({ quick }: Context) => {
    const pages = (quick ? 8 : 32) * PAGES_OF_GIB;
    return [resident(pages), structures(pages)];
  },
};

export const cases: readonly BenchCase[] = [memory, ...growth];
