/**
 * Fork's copy of page tables in the three idioms that it was shown in, over folios of several sizes, while others wait for the
 * processor or for a lock: how often a copy looks for them, how often it lets go, and how much it does without a look.
 */
import { formatNamed } from "../../arch/formats.ts";
import { invariant } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import { countsOf, type EventName } from "../../base/tally.ts";
import { copyRange } from "../../design/copy.ts";
import type { Copier, DesignName } from "../../design/design.ts";
import { forkCopier } from "../../mm/fork.ts";
import { Mm } from "../../mm/mm.ts";
import { batchedWorkload } from "../batching/operations.ts";
import { firstDifference, type TranslationRun, translationsOf } from "../compare/translations.ts";
import type { Place } from "../compare/workloads.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { folioOrders, kernelFor } from "../layout.ts";

/** The designs that were shown with a copy of their own. */
export const COPY_IDIOMS = ["folded", "ptp", "ptRangeWalk"] as const satisfies readonly DesignName[];

/** Counts that a row shows, all of them {@link EventName}s. */
export const COPY_EVENTS = [
  "pteLocks",
  "upperLocks",
  "slotsRead",
  "slotsWritten",
  "foliosTouched",
  "tablesAllocated",
] as const satisfies readonly EventName[];

/** One copy of the whole mapping. */
export type CopyRow = {
  readonly folio: string;
  readonly order: number;
  readonly idiom: (typeof COPY_IDIOMS)[number];
  /** How often the copy asked whether somebody waits. */
  readonly looks: number;
  /** How often it dropped its locks because somebody did. */
  readonly lockBreaks: number;
  /** Most entries copied under the locks of one pair of tables without a look in between. */
  readonly longest: number;
} & { readonly [K in (typeof COPY_EVENTS)[number]]: number };

const PARAMS = {
  arch: {
    kind: "choice",
    label: "format",
    options: ["x86-64", "x86-64-la57", "x86-32", "arm64-4k", "arm64-16k", "riscv-sv39", "s390"],
    default: "x86-64",
  },
  waiting: {
    kind: "choice",
    label: "somebody waits",
    options: ["never", "at every look", "at every 8th"],
    default: "never",
  },
  batching: { kind: "toggle", label: "folios at once", default: true },
} as const;

/** At which of its looks a copy finds somebody waiting; 0 for none. */
const EVERY: Readonly<Record<string, number>> = { never: 0, "at every look": 1, "at every 8th": 8 };

/** Pages copied: PTE tables of them whole. */
export const COPY_PAGES = 4096;

/** "How does a copy let others in?" */
export const forkCopy: Experiment<typeof PARAMS, CopyRow> = {
  id: "fork-copy",
  question: "How much of fork's copy is done without a look for others, by idiom and by size of folio?",
  params: PARAMS,
  run: (params, _input, effects) => {
    const orders = folioOrders(formatNamed(params.arch)).filter((order) => order <= 9 && order !== 8 && order !== 6);
    return orders.flatMap((order, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, orders.length);
      return copyInAllIdioms(order, params);
    });
  },
};

/** Each idiom on a machine of its own; parents and children must be the same afterwards. */
function copyInAllIdioms(order: number, params: ParamsOf<typeof PARAMS>): CopyRow[] {
  const done = COPY_IDIOMS.map((idiom) => copyOnce(idiom, order, params));
  for (const [p, whose] of ["parents", "children"].entries())
    for (const { row, translations } of done) {
      const difference = firstDifference(done[0]!.translations[p]!, translations[p]!);
      invariant(difference === null, `order ${order}: the ${whose} of folded and ${row.idiom} differ: ${difference}`);
    }
  return done.map(({ row }) => row);
}

function copyOnce(
  idiom: (typeof COPY_IDIOMS)[number],
  order: number,
  { arch, waiting, batching }: ParamsOf<typeof PARAMS>,
): { row: CopyRow; translations: TranslationRun[][] } {
  // Somebody might want the locks at any look; where nobody ever does, the model copies without looking.
  const needResched = () => false;
  const kernel = kernelFor(`order ${order}`, { arch, batching, design: idiom, needResched });
  const { mm, start, end } = batchedWorkload("fork").prepare(kernel, pagesOf(arch));
  const child = new Mm(kernel);
  const watched = watch(forkCopier(mm, child), mm, EVERY[waiting]!);
  const before = kernel.tally.slice();
  const { ok, lockBreaks } = copyRange(mm.design, mm.pt, child.pt, start, end, watched.copier);
  const counted = countsOf(COPY_EVENTS, kernel.tally, before);
  invariant(ok, `${idiom}: the copy ended early`);
  const { looks, longest } = watched.seen;
  const folio = formatSize(2 ** (kernel.format.pageLg2 + order));
  const row = { folio, order, idiom, looks, lockBreaks, longest, ...counted };
  return { row, translations: [mm, child].map(({ pt }) => translationsOf(pt)) };
}

/** At least one whole table where a table is large. */
function pagesOf(arch: string): number {
  return Math.max(COPY_PAGES, 2 ** formatNamed(arch).indexLg2[0]!);
}

/** A copier under observation, which finds somebody waiting at every so many looks. */
function watch(copier: Copier, { pt }: Place["mm"], every: number) {
  const seen = { looks: 0, longest: 0 };
  let [since, table] = [0, -1];
  const watched: Copier = {
    ...copier,
    entry: (slot, toSlot, max) => {
      const n = copier.entry(slot, toSlot, max);
      // Another table means that both locks were dropped in between.
      since = pt.tableOf(slot) === table ? since + n : n;
      table = pt.tableOf(slot);
      seen.longest = Math.max(seen.longest, since);
      return n;
    },
    mustBreak: () => {
      since = 0;
      seen.looks++;
      return every > 0 && seen.looks % every === 0;
    },
  };
  return { copier: watched, seen };
}
