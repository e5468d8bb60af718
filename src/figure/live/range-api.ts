/**
 * The live figures of the range API: one flag for each folio or for each page, where it stands for the data cache and where it
 * stands for secure memory, and what one `set_ptes` saves.
 */
import { type ArchFlagRow, archFlag } from "../../study/range-api/arch-flag.ts";
import { type BatchRow, setPtesBatching } from "../../study/range-api/batching.ts";
import { type SecureRow, secureFolios } from "../../study/range-api/secure.ts";
import { comparisonPlot } from "../comparison.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { bars, lines } from "../marks.ts";

function counted(key: string, label: string, definition: string): Column {
  return { key, label, definition, basis: "counted" };
}

/** Short names of the policies, so that a row fits a line of mail. */
const POLICY: Readonly<Record<SecureRow["policy"], string>> = {
  "flag a page": "flag a page",
  "flag a folio": "flag a folio",
  "split on conflict": "split",
  holes: "holes",
};

const SECURE_COLUMNS: readonly Column[] = [
  {
    key: "side",
    label: "policy",
    definition:
      "A bit for each page; a bit for each folio, set if any page may be secure; the same, but a folio is split when a page is to " +
      "differ (split); folios that stay whole, with a small descriptor for each open page (holes).",
  },
  counted("wrong", "wrong", "Questions of the host that were answered 'secure' although the page was open."),
  counted("asked", "asked", "Conversions that an access of guest or host asked for."),
  counted("needless", "needless", "Conversions that no access asked for, and those that undo them."),
  counted("splits", "splits", "Folio splits: a folio was cut into single pages."),
  counted("failed", "failed", "Folio splits that an extra reference prevented."),
  {
    key: "bytes",
    label: "bytes",
    basis: "modelled",
    digits: 0,
    definition:
      "Most bytes of descriptors at a time: 64 for a page or a folio, 8 for a page without flags, those of a hole as set.",
  },
];

function secureCells({ policy, wronglySecure, conversions, needless, ...row }: SecureRow): Row {
  const { folioSplits: splits, failedSplits: failed, descriptorBytes: bytes } = row;
  return { side: POLICY[policy], wrong: wronglySecure, asked: conversions, needless, splits, failed, bytes };
}

function secureAlt(rows: readonly SecureRow[]): string {
  const texts = rows.map(
    (r) =>
      `${POLICY[r.policy]}: ${r.right} of ${r.questions} answers right, ${r.conversions} conversions asked for and ` +
      `${r.needless} needless, ${r.folioSplits} splits, ${r.descriptorBytes} bytes`,
  );
  return `Groups of bars, one for each count. ${texts.join("; ")}.`;
}

/** Four ways to remember which pages of a guest are secure, redrawn for another guest. */
export const pageFlagLive = defineLive({
  id: "page-flag",
  title: "One folio, two answers",
  params: secureFolios.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = secureFolios.run(params, undefined, effects);
    const { order, folios, shared, pinned, ops, seed } = params;
    const pages = 2 ** order;
    return {
      title: `One folio, two answers: secure pages in folios of ${pages}`,
      caption:
        `${folios} folios of ${pages} pages on s390, ${ops} events of a guest that ever shares ${shared} % of its pages one by one ` +
        `(seed ${seed}), an extra reference in ${pinned} % of them; the host asked ${rows[0]!.questions} times. ` +
        "Bars show each count as a part of the largest of its cause; the number beside a bar is the count.",
      alt: secureAlt(rows),
      better: "no wrong answer, then fewer of everything",
      columns: SECURE_COLUMNS,
      rows: rows.map(secureCells),
      compare: "bytes",
      origin: {
        designs: rows.map((row) => POLICY[row.policy]),
        workload: `${ops} events on ${folios} folios of ${pages} pages`,
        params,
        seed,
        input: null,
      },
    };
  },
  plot: comparisonPlot,
});

const FLAG_COLUMNS: readonly Column[] = [
  { key: "mapped", label: "mapped", role: "parameter", definition: "Pages of the folio that each process maps." },
  { key: "side", label: "PG_arch_1", definition: "Whether one bit is kept for each page or for each folio." },
  counted("calls", "set_ptes", "Calls of set_ptes."),
  counted("foliosTouched", "folios", "Folio descriptors read or written, with those of pages where each has its own."),
  counted("dcacheFlushes", "d-cache", "Flushes from the data cache: of a page, or of a folio."),
  counted("icacheFlushes", "i-cache pages", "Pages flushed from the instruction cache."),
];

function flagAlt(rows: readonly ArchFlagRow[]): string {
  const texts = rows.map((r) => `${r.mapped} mapped, a flag a ${r.unit}: ${r.icacheFlushes}`);
  return `Pairs of bars of pages flushed from the instruction cache. ${texts.join("; ")}.`;
}

/** A folio mapped executable with one flag or with one for each page, redrawn for another folio and number of processes. */
export const archFlagLive = defineLive({
  id: archFlag.id,
  title: "A flag for each folio or for each page",
  params: archFlag.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = archFlag.run(params, undefined, effects);
    const { arch, order, around, processes, rewritten } = params;
    const by = `${processes} process${processes === 1 ? "" : "es"}${rewritten ? ", written again before each" : ""}`;
    return {
      title: "A flag for each folio or for each page",
      caption:
        `A folio of ${2 ** order} pages on ${arch}, written, then mapped executable by ${by}: its first page, ` +
        `${around} pages, or all, with ${around} pages for each set_ptes.`,
      alt: flagAlt(rows),
      better: "fewer pages flushed, and fewer descriptors touched",
      columns: FLAG_COLUMNS,
      rows: rows.map(({ unit, ...row }) => ({ ...row, side: `a ${unit}` })),
      compare: "icacheFlushes",
      compareWithin: "mapped",
      origin: {
        designs: [arch, "a flag a page", "a flag a folio"],
        workload: `an executable folio of ${2 ** order} pages`,
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => ({
    ...bars(Plot, frame, { x: "mapped", y: "icacheFlushes", series: "side" }),
    y: frame.axis("icacheFlushes"),
    fx: frame.axis("mapped"),
  }),
});

const BATCH_COLUMNS: readonly Column[] = [
  { key: "pages", label: "pages", role: "parameter", definition: "Pages of the folio that is mapped." },
  { key: "way", label: "way", definition: "All of it with one set_ptes, or a set_ptes of one page for each page." },
  counted("slotsRead", "reads", "Table slots read by software."),
  counted("slotsWritten", "writes", "Table slots written by software."),
  counted("flushRanges", "flushes", "TLB invalidations of a range."),
  counted("foliosTouched", "folios", "Folio descriptors read or written."),
  counted("mmuCacheUpdates", "updates", "Calls of update_mmu_cache_range."),
];

const SHORT: Readonly<Record<BatchRow["way"], string>> = {
  "one set_ptes": "one call",
  "a call for each page": "each page",
};

function batchAlt(rows: readonly BatchRow[]): string {
  const most = rows
    .slice(-2)
    .map((r) => `${r.way} ${r.slotsWritten} slots written and ${r.foliosTouched} descriptors touched`);
  return `Lines of slots written against pages of a folio. For ${rows.at(-1)!.pages} pages: ${most.join("; ")}.`;
}

/** A folio mapped by one call or page by page, redrawn for another format. */
export const setPtesBatchingLive = defineLive({
  id: setPtesBatching.id,
  title: "One set_ptes against a call for each page",
  params: setPtesBatching.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = setPtesBatching.run(params, undefined, effects);
    const { arch, contpte, exec, flag, shift } = params;
    const off = shift === 0 ? "" : `, ${shift} pages off alignment`;
    return {
      title: "One set_ptes against a call for each page",
      caption:
        `A folio mapped on ${arch}${contpte ? "" : " without contpte"}${exec ? `, executable, a flag a ${flag}` : ""}${off}. ` +
        "Both ways end in the same entries.",
      alt: batchAlt(rows),
      better: "fewer of everything",
      columns: BATCH_COLUMNS,
      rows: rows.map(({ pages, way, slotsRead, slotsWritten, flushRanges, foliosTouched, mmuCacheUpdates }) => ({
        ...{ pages, way: SHORT[way], slotsRead, slotsWritten, flushRanges, foliosTouched, mmuCacheUpdates },
      })),
      compare: "slotsWritten",
      compareWithin: "pages",
      origin: {
        designs: [arch, ...Object.values(SHORT)],
        workload: "one folio mapped",
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => ({
    ...lines(Plot, frame, { x: "pages", y: "slotsWritten", series: "way" }),
    x: frame.axis("pages", { type: "log", base: 2 }),
    y: frame.axis("slotsWritten", { type: "log", base: 2 }),
  }),
});
