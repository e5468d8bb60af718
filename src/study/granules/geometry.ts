/**
 * What the formats say about themselves, side by side: levels, bits of an address, sizes of leaves and of contiguous blocks.
 * Everything is read from the format records that the simulator runs on.
 */
import { type Format, levelsOf, pageSizes, vaBits } from "../../arch/format.ts";
import { formats } from "../../arch/formats.ts";
import { formatSize } from "../../base/size.ts";
import type { Experiment } from "../experiment.ts";

/** The geometry of one format. Bits of an absent level are 0. */
export interface GeometryRow {
  readonly format: string;
  readonly levels: number;
  /** Bits of address that a tree covers. */
  readonly va: number;
  /** Bits within a page. */
  readonly offset: number;
  /** Bits that choose a slot, level 0 first; 0 for a level that the format lacks. */
  readonly bits: readonly number[];
  readonly entryBytes: number;
  /** Sizes that one entry can map. */
  readonly leaves: string;
  /** Sizes that a contiguous block of entries can map. */
  readonly blocks: string;
  /** Registers that point to a tree. */
  readonly roots: string;
  /** Bytes of the top table. */
  readonly rootBytes: number;
}

/** As many levels as any format has. */
const MOST_LEVELS = Math.max(...formats.map(levelsOf));

/** What one format says about itself. */
export function geometryOf(f: Format): GeometryRow {
  const sizes = pageSizes(f);
  const text = (cont: boolean) =>
    sizes.filter((size) => size.cont === cont).map((size) => formatSize(2 ** (f.pageLg2 + size.lg2)));
  return {
    ...{ format: f.name, levels: levelsOf(f), va: vaBits(f), offset: f.pageLg2 },
    bits: Array.from({ length: MOST_LEVELS }, (_, level) => f.indexLg2[level] ?? 0),
    ...{ entryBytes: f.entryBytes, leaves: text(false).join(" "), blocks: text(true).join(" ") || "none" },
    roots: [...new Set(f.roots.map((root) => root.name))].join(", "),
    rootBytes: bytesOfTable(f, levelsOf(f) - 1),
  };
}

/** Bytes of one table of a level. */
export function bytesOfTable(f: Format, level: number): number {
  return f.entryBytes * 2 ** f.indexLg2[level]!;
}

/** Families of formats, by the machine that Linux names. */
const FAMILIES = ["all", "x86", "arm64", "riscv", "s390"] as const;

const geometryParams = {
  family: { kind: "choice", label: "formats", options: FAMILIES, default: "all" },
} as const;

/** "What do the formats look like?" */
export const formatGeometry: Experiment<typeof geometryParams, GeometryRow> = {
  id: "geometry",
  question: "How do the formats cut an address, and what can one entry map?",
  params: geometryParams,
  run: ({ family }) => formats.filter((f) => family === "all" || f.name.startsWith(family)).map(geometryOf),
};
