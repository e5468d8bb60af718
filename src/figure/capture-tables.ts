/**
 * What a captured process's layout takes under other page sizes, as figures: the tables of `ptlab coverage`, which pages draw.
 */
import { KiB } from "../base/size.ts";
import { type Capture, captureName } from "../study/capture/format.ts";
import { type LayoutCost, layouts, levelBits, whatIf } from "../study/capture/whatif.ts";
import type { Column, Drawing, LooseData, Origin } from "./figure.ts";
import { dots, stack } from "./marks.ts";

const LAYOUT = {
  key: "layout",
  label: "layout",
  definition:
    "page size; +contpte: contiguous blocks where the folio allows it (arm64: 64K on 4K pages, 2M on 16K and 64K); " +
    "+PMD: PMD mappings as recorded",
} as const;

const BASIS = {
  key: "basis",
  label: "basis",
  definition:
    "counted from the capture, or modelled: each larger page that is touched is allocated whole within its VMA, " +
    "file pages likewise, and folios keep their size in bytes",
} as const;

const ENTRIES: readonly Column[] = [
  LAYOUT,
  BASIS,
  {
    key: "entries",
    label: "entries",
    definition: "TLB entries: translations that cover all mapped memory; hardware joins nothing by itself",
    basis: "modelled",
  },
  {
    key: "ideal",
    label: "ideal",
    definition: "entries if every aligned, wholly touched block of a VMA were one folio",
    basis: "modelled",
  },
  { key: "tables", label: "tables", definition: "KiB of page tables, root included", basis: "modelled" },
  {
    key: "extra",
    label: "extra",
    definition: "KiB of memory more than in the capture, because pages are rounded up",
    basis: "modelled",
  },
];

/** What each layout takes: entries, tables, memory. The first table of `ptlab coverage`. */
export function entriesData(capture: Capture, input: string): LooseData {
  const costs = whatIf(capture);
  return {
    title: "What this layout takes under other page sizes",
    caption: `${captureName(capture)}: the memory that it had, mapped in other ways. Entries are those of a TLB without limits.`,
    alt: entriesAlt(costs),
    better: "fewer entries, smaller tables, less extra memory",
    columns: ENTRIES,
    rows: costs.map((cost) => ({
      layout: cost.layout.name,
      basis: cost.basis,
      entries: cost.entries,
      ideal: cost.idealEntries,
      tables: Math.ceil(cost.tables.total / KiB),
      extra: cost.extra / KiB,
    })),
    compare: "entries",
    origin: origin(capture, input),
  };
}

const LEVELS: readonly Column[] = [
  LAYOUT,
  BASIS,
  { key: "va", label: "VA bits", definition: "width of virtual addresses", role: "parameter" },
  ...["PTE", "PMD", "PUD"].map((level) => ({
    key: level,
    label: level,
    definition: `${level} tables`,
    basis: "modelled" as const,
    digits: 0,
  })),
  { key: "root", label: "root", definition: "the one top table", basis: "modelled", digits: 1 },
  {
    key: "reserved",
    label: "reserve",
    definition: "tables that Linux keeps to split anonymous PMD mappings",
    basis: "modelled",
  },
];

/** Page tables by level and layout. The second table of `ptlab coverage`. */
export function levelsData(capture: Capture, input: string): LooseData {
  const costs = whatIf(capture);
  return {
    title: `Page tables by level, KiB (the kernel's own count, VmPTE, without the root: ${capture.vmPte} KiB)`,
    caption: `${captureName(capture)}: bytes of the tables that lead to its pages, in other ways to map them.`,
    alt: `Stacked bars of page tables. ${costs.map((c) => `${c.layout.name}: ${Math.ceil(c.tables.total / KiB)} KiB`).join("; ")}.`,
    better: "smaller",
    columns: LEVELS,
    rows: costs.map(levelsRow),
    origin: origin(capture, input),
  };
}

/** Levels below the root by name; four levels have three of them, fewer leave the upper ones out. */
function levelsRow(cost: LayoutCost) {
  const { levels, reserved } = cost.tables;
  const below = (level: number) => (level < levels.length - 1 ? levels[level]! / KiB : null);
  return {
    layout: cost.layout.name,
    basis: cost.basis,
    va: cost.vaBits,
    PTE: below(0),
    PMD: below(1),
    PUD: below(2),
    root: levels.at(-1)! / KiB,
    reserved: reserved / KiB,
  };
}

function entriesAlt(costs: readonly LayoutCost[]): string {
  const parts = costs.map((c) => `${c.layout.name}: ${c.entries}, at best ${c.idealEntries}`);
  return `Dots for TLB entries by layout, as the folios are and as they could be. ${parts.join("; ")}.`;
}

function origin(capture: Capture, input: string): Origin {
  return {
    designs: layouts.map((l) => l.name),
    workload: captureName(capture),
    params: { levels: layouts.map((l) => levelBits(l.page, 48).length) },
    seed: null,
    input,
  };
}

/** Entries as they are and at best, for each layout. */
export const entriesPlot: Drawing = (Plot, frame) => {
  const keys = ["entries", "ideal"];
  return {
    ...dots(Plot, frame, { x: "value", y: "layout", series: "series", rows: frame.unpivot(keys) }),
    x: frame.axis(keys, { label: "TLB entries", zero: true }),
    y: frame.axis("layout", { label: null, type: "point" }),
  };
};

/** Tables of all levels, one behind the other. */
export const levelsPlot: Drawing = (Plot, frame) => {
  const keys = frame.figure.columns.filter((c) => c.basis !== undefined).map((c) => c.key);
  const rows = frame.unpivot(keys).filter((row) => row.value !== null);
  return {
    ...stack(Plot, frame, { x: "value", y: "layout", series: "series", rows }),
    x: frame.axis(keys, { label: "page tables, KiB" }),
    y: frame.axis("layout", { label: null }),
  };
};
