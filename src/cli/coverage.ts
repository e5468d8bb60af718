/**
 * `ptlab coverage FILE`: what larger translations a captured process has, by the names of the kernel's thpmaps, and what
 * its layout would give with contiguous entries and with larger pages.
 */
import { digest } from "../base/digest.ts";
import { formatMib, formatSize } from "../base/size.ts";
import { entriesData, levelsData } from "../figure/capture-tables.ts";
import type { Build } from "../figure/figure.ts";
import { toText } from "../figure/text.ts";
import { contSummary } from "../study/capture/contpte.ts";
import type { Capture } from "../study/capture/format.ts";
import { READ_LIMITS, readCapture } from "../study/capture/read.ts";
import { contOrder, rollupThpStats, vmaThpStats } from "../study/capture/thpmaps.ts";
import { thpmapsText } from "../study/capture/thpmaps-text.ts";
import { contBlockPages, contShare, whatIf } from "../study/capture/whatif.ts";
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
        toText(entriesData(capture, input), build),
        toText(levelsData(capture, input), build),
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
  const { block, share, percent, inferred } = contSummary(capture);
  return [
    `Blocks of ${formatSize(block)} that arm64 could map as contiguous entries (contpte):`,
    `  by Linux's rule (counted): ${formatMib(share.cont)} of ${formatMib(share.mapped)} mapped, ${percent.toFixed(1)} %`,
    `  by thpmaps (inferred):     ${formatMib(inferred)}`,
    `  mapped by PMD already:     ${formatMib(share.pmd)}`,
    "The rule: all pages there, in one folio and one VMA, aligned in virtual",
    "and physical addresses. Flags of single pages are not in a capture.",
    "",
  ].join("\n");
}
