/**
 * The live figures of one recorded process: what was read, its coverage, other layouts, its tables.
 */
import { UserError } from "../../base/errors.ts";
import { formatMib, formatSize } from "../../base/size.ts";
import { contSummary } from "../../study/capture/contpte.ts";
import { type Capture, captureName } from "../../study/capture/format.ts";
import { rollupThpStats, type Stat } from "../../study/capture/thpmaps.ts";
import { captureContent } from "../../study/process/content.ts";
import { entriesData, entriesPlot, levelsData, levelsPlot } from "../capture-tables.ts";
import type { Column, Origin, Row } from "../figure.ts";
import { stack } from "../marks.ts";
import { CAPTURE_PARAM, defineProcess } from "./capture-input.ts";

const PARAMS = { capture: CAPTURE_PARAM } as const;

function originOf(capture: Capture, input: string, params: Origin["params"]): Origin {
  return {
    designs: [`${capture.arch}, Linux ${capture.kernel}`],
    workload: captureName(capture),
    params,
    seed: null,
    input,
  };
}

const amount = (key: string, label: string, definition: string): Column => ({
  ...{ key, label, definition, basis: "counted", unit: "MiB", digits: 2 },
});

const CONTENT: readonly Column[] = [
  { key: "kind", label: "kind of VMA", definition: "What a VMA holds, told by its name, which is not kept." },
  { key: "vmas", label: "VMAs", basis: "counted", digits: 0, definition: "How many there are." },
  amount("mapped", "mapped", "All that the process's tables lead to, the sum of the next four columns."),
  amount("small", "single pages", "Mapped by PTEs, pages that are folios of their own."),
  amount("large", "large folios", "Mapped by PTEs, pages of larger folios."),
  amount("pmd", "by PMD", "Mapped by a PMD entry as a whole."),
  amount("other", "zero page, device", "The zero pages, hugetlb, and what belongs to a device or a driver."),
  amount("swapped", "swapped out", "Not mapped: in swap, or on its way."),
];

/** What a capture holds by kind of VMA. */
export const processContentLive = defineProcess({
  id: "process-content",
  title: "What was read",
  params: PARAMS,
  run: (params, { capture, input }) => {
    const rows = captureContent(capture);
    return {
      title: `What was read: ${captureName(capture)}`,
      caption: contentCaption(capture),
      alt: `Stacked bars of mapped memory by kind of VMA. ${rows.map((r) => `${r.kind}: ${r.mapped.toFixed(1)} MiB in ${r.vmas} VMAs`).join("; ")}.`,
      better: "as it was recorded",
      columns: CONTENT,
      rows: rows as unknown as readonly Row[],
      origin: originOf(capture, input, params),
    };
  },
  plot: (Plot, frame) => {
    const keys = ["small", "large", "pmd", "other"];
    return {
      ...stack(Plot, frame, { x: "value", y: "kind", series: "series", rows: frame.unpivot(keys) }),
      x: frame.axis(keys, { label: "mapped" }),
      y: frame.axis("kind", { label: null }),
    };
  },
});

function contentCaption(capture: Capture): string {
  const { vmas, arch, kernel, page, pmdOrder, vmPte, raced } = capture;
  const runs = vmas.reduce((n, vma) => n + vma.runs.length, 0);
  const changed = raced === 0 ? "" : ` ${raced} pages changed while they were read and count as single pages.`;
  return (
    `${captureName(capture)}: recorded on ${arch}, Linux ${kernel}; ${vmas.length} VMAs, ${runs} runs of pages, pages of ${formatSize(page)}, ` +
    `a PMD maps ${formatSize(page * 2 ** pmdOrder)}; ${vmPte} KiB of page tables by the kernel's own count.${changed}`
  );
}

const COVERAGE: readonly Column[] = [
  { key: "label", label: "statistic", definition: "By the name that the kernel's thpmaps gives it." },
  { key: "kB", label: "memory", unit: "kB", basis: "counted", digits: 0, definition: "Mapped in that way." },
  {
    ...{ key: "percent", label: "share", unit: "%", basis: "counted", digits: 1 },
    definition: "Of the process's anonymous memory, or of its file memory, whichever the statistic is about.",
  },
];

/** A capture's coverage by the names of thpmaps, summed over its VMAs. */
export const processCoverageLive = defineProcess({
  id: "process-coverage",
  title: "Coverage by thpmaps' names",
  params: {
    ...PARAMS,
    cont: { kind: "toggle", label: "contiguous blocks too (--cont)", default: true },
    empty: { kind: "toggle", label: "statistics that are 0 too (--inc-empty)", default: false },
  },
  run: (params, { capture, input }) => {
    const { block, share, percent, inferred } = contSummary(capture);
    const contOrders = params.cont ? [Math.log2(block / capture.page)] : [];
    const all = rollupThpStats(capture, { contOrders, incSmaps: false });
    if (all.stats.length === 0) throw new UserError("nothing of this process is in memory: thpmaps says nothing of it");
    const shown =
      params.empty || all.stats.every(({ kB }) => kB === 0) ? all.stats : all.stats.filter(({ kB }) => kB > 0);
    const rows = shown.map((stat) => coverageRow(stat, all));
    return {
      title: "Coverage by thpmaps' names",
      caption:
        `${captureName(capture)}, all VMAs together: memory that larger translations could cover. Blocks of ${formatSize(block)} that ` +
        `arm64 could map as contiguous entries: by Linux's rule ${formatMib(share.cont)} of ${formatMib(share.mapped)} mapped, ${percent.toFixed(1)} %; ` +
        `by thpmaps, which infers them, ${formatMib(inferred)}; ${formatMib(share.pmd)} are mapped by a PMD already.`,
      alt: `Bars of memory by statistic. ${rows.map((r) => `${r.label}: ${r.kB} kB`).join("; ")}.`,
      better: "more memory in larger pieces",
      columns: COVERAGE,
      rows,
      origin: originOf(capture, input, params),
    };
  },
  plot: (Plot, frame) => ({
    x: frame.axis("kB"),
    y: frame.axis("label", { label: null }),
    marks: [Plot.barX(frame.rows, { x: "kB", y: "label", fill: "currentColor", fillOpacity: 0.65 }), Plot.ruleX([0])],
  }),
});

function coverageRow({ label, type, kB }: Stat, all: { readonly anon: number; readonly file: number }) {
  const total = type === "anon" ? all.anon : all.file;
  return { label, kB, percent: total === 0 ? 0 : (100 * kB) / total };
}

/** What a capture's layout takes under other page sizes. */
export const processLayoutsLive = defineProcess({
  id: "process-layouts",
  title: "Other page sizes",
  params: PARAMS,
  run: (_params, { capture, input }) => entriesData(capture, input),
  plot: entriesPlot,
});

/** Page tables of a capture under other page sizes, by level. */
export const processTablesLive = defineProcess({
  id: "process-tables",
  title: "Page tables by level",
  params: PARAMS,
  run: (_params, { capture, input }) => levelsData(capture, input),
  plot: levelsPlot,
});
