/**
 * `ptlab coverage FILE`: what larger translations a captured process has, by the names of the kernel's thpmaps, and what
 * its layout would give with contiguous entries and with larger pages.
 */
import { digest } from "../base/digest.ts";
import { formatSize, KiB, MiB } from "../base/size.ts";
import type { Build, FigureData } from "../figure/figure.ts";
import { toText } from "../figure/text.ts";
import type { Capture } from "../study/capture/format.ts";
import { READ_LIMITS, readCapture } from "../study/capture/read.ts";
import { contOrder, rollupThpStats, vmaThpStats } from "../study/capture/thpmaps.ts";
import { thpmapsText } from "../study/capture/thpmaps-text.ts";
import type { LayoutCost } from "../study/capture/whatif.ts";
import { contBlockPages, contShare, layouts, levelBits, whatIf } from "../study/capture/whatif.ts";
import type { CommandEffects } from "./effects.ts";
import { readBounded } from "./read-file.ts";

/** Options of the command, as typed; all but `file` and `json` are thpmaps' own. */
export interface CoverageOptions {
  readonly file: string;
  /** Sum over all VMAs. */
  readonly rollup?: boolean;
  /** Sizes of contiguous blocks, such as `64K`. */
  readonly cont?: readonly string[];
  /** Show statistics that are 0. */
  readonly incEmpty?: boolean;
  /** Show the amounts by smaps that the capture holds. */
  readonly incSmaps?: boolean;
  /** Print one JSON object instead of text. */
  readonly json?: boolean;
}

/** Prints the statistics, or throws a {@link UserError}. `build` is for the stamp under the tables. */
export async function coverageCommand(options: CoverageOptions, effects: CommandEffects, build: Build): Promise<void> {
  const bytes = await readBounded(options.file, READ_LIMITS.bytes, "a capture");
  const capture = await readCapture(bytes, options.file);
  const contOrders = (options.cont ?? []).map((size) => contOrder(size, capture.page, capture.pmdOrder));
  const thpmaps = {
    contOrders,
    incSmaps: options.incSmaps === true,
    incEmpty: options.incEmpty === true,
    rollup: options.rollup === true,
  };
  const input = digest(bytes);
  if (options.json === true) effects.out(`${JSON.stringify(coverageData(capture, thpmaps), null, 1)}\n`);
  else
    effects.out(
      [
        thpmapsText(capture, thpmaps),
        contText(capture),
        toText(entriesTable(capture, input), build),
        toText(levelsTable(capture, input), build),
      ].join("\n"),
    );
}

/** Everything that the text says, as plain data. */
function coverageData(
  capture: Capture,
  options: { contOrders: readonly number[]; incSmaps: boolean; rollup: boolean },
) {
  const { vmas, ...process } = capture;
  const perVma = vmas.map(({ start, end, perms, kind }, i) => {
    const { stats, anon, file } = vmaThpStats(vmas[i]!, capture, options);
    return { start, end, perms, kind, stats, anon, file };
  });
  return {
    process,
    thpmaps: rollupThpStats(capture, options),
    ...(options.rollup ? {} : { vmas: perVma }),
    contpte: { pages: contBlockPages(capture), ...contShare(capture, contBlockPages(capture)) },
    whatIf: whatIf(capture),
  };
}

/** The exact figure beside the one that thpmaps infers. */
function contText(capture: Capture): string {
  const pages = contBlockPages(capture);
  const share = contShare(capture, pages);
  const order = Math.log2(pages);
  const { stats } = rollupThpStats(capture, { contOrders: [order], incSmaps: false });
  const inferred = stats.filter((s) => s.label.includes("-cont-pte-")).reduce((sum, s) => sum + s.kB, 0);
  const part = share.mapped === 0 ? 0 : (share.cont / share.mapped) * 100;
  return [
    `Blocks of ${formatSize(pages * capture.page)} that arm64 could map as contiguous entries (contpte):`,
    `  by Linux's rule (counted): ${mib(share.cont)} of ${mib(share.mapped)} mapped, ${part.toFixed(1)} %`,
    `  by thpmaps (inferred):     ${mib(inferred * KiB)}`,
    `  mapped by PMD already:     ${mib(share.pmd)}`,
    "The rule: all pages there, in one folio and one VMA, aligned in virtual",
    "and physical addresses. Flags of single pages are not in a capture.",
    "",
  ].join("\n");
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

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

function entriesTable(capture: Capture, input: string): FigureData {
  return {
    title: "What this layout takes under other page sizes",
    caption: "",
    alt: "",
    better: "fewer entries, smaller tables, less extra memory",
    columns: [
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
    ],
    rows: whatIf(capture).map((cost) => ({
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

function levelsTable(capture: Capture, input: string): FigureData {
  return {
    title: `Page tables by level, KiB (the kernel's own count, VmPTE, without the root: ${capture.vmPte} KiB)`,
    caption: "",
    alt: "",
    better: "smaller",
    columns: [
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
    ],
    rows: whatIf(capture).map(levelsRow),
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

function origin(capture: Capture, input: string): FigureData["origin"] {
  return {
    designs: layouts.map((l) => l.name),
    workload: capture.name === "" ? `capture (${capture.arch}, Linux ${capture.kernel})` : capture.name,
    params: { levels: layouts.map((l) => levelBits(l.page, 48).length) },
    seed: null,
    input,
  };
}
