/**
 * The kernel's top entries handed to every process, by the two functions that folding forces apart and by the one that knows
 * its level: both on the same trees of every format, which must come out alike.
 *
 * Linux does so on x86-64 alone; other formats show what each way would do there.
 */
import { Kind } from "../../arch/entry.ts";
import { formats } from "../../arch/formats.ts";
import { broken, invariant, UserError } from "../../base/errors.ts";
import { counts } from "../../base/tally.ts";
import { syncGlobalPgds as foldedSync } from "../../design/folded-copy.ts";
import { syncGlobalPgds as ptpSync } from "../../design/ptp-ops.ts";
import { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";

/** One format. Reads are of slots, both for the same entries given. */
export interface SyncRow {
  readonly format: string;
  readonly levels: number;
  /** The function that has to be called in the folded idiom; "refused" where it has none. */
  readonly folded: "syncGlobalPgdsL4" | "syncGlobalPgdsL5" | "refused";
  readonly given: number;
  /** Null where the folded idiom has no function. */
  readonly foldedReads: number | null;
  readonly ptpReads: number;
}

const PROCESSES = 3;

/** Both ways on every format. */
export function syncEveryFormat(): SyncRow[] {
  return formats.map(({ name }) => syncBothWays(name));
}

/** Both ways on one format: the same entries missing in the same processes. */
export function syncBothWays(arch: string): SyncRow {
  const [ours, theirs] = [treesOf(arch), treesOf(arch)];
  const ptpReads = readsOf(ours, () => ptpSync(ours.init, ours.others, 0, endOf(ours.init)));
  const folded = foldedFunction(ours.init.levels);
  const foldedReads = folded === "refused" ? refused(theirs) : readsOf(theirs, () => foldedAll(theirs));
  if (folded !== "refused") invariant(topsOf(ours) === topsOf(theirs), `${arch}: the two ways give different entries`);
  const given = entriesOf(ours.others) - entriesOf(treesOf(arch).others);
  return { format: arch, levels: ours.init.levels, folded, given, foldedReads, ptpReads };
}

interface Trees {
  readonly init: PageTable;
  readonly others: readonly PageTable[];
}

/** The kernel's tree with its first, middle and last top entry, and processes that lack all, two and none of them. */
function treesOf(arch: string): Trees {
  const kernel = new Kernel({ arch });
  const init = new Mm(kernel).pt;
  const others = Array.from({ length: PROCESSES }, () => new Mm(kernel).pt);
  const top = init.levels - 1;
  const entries = 2 ** init.format.indexLg2[top]!;
  for (const at of [0, entries / 2, entries - 1]) init.findOrMake(at * init.span[top]!, top - 1);
  ptpSync(init, others.slice(1, 2), 0, init.span[top]!);
  ptpSync(init, others.slice(2), 0, endOf(init));
  return { init, others };
}

const endOf = (pt: PageTable) => pt.span[pt.levels]!;

function foldedFunction(levels: number): SyncRow["folded"] {
  return levels === 5 ? "syncGlobalPgdsL5" : levels === 4 ? "syncGlobalPgdsL4" : "refused";
}

const foldedAll = ({ init, others }: Trees) => foldedSync(init, others, 0, endOf(init));

/** With fewer than four levels each of the two functions would ask an entry that is folded. */
function refused(trees: Trees): null {
  try {
    foldedAll(trees);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
  return broken("the folded idiom has a function after all");
}

function readsOf({ init }: Trees, act: () => void): number {
  const before = init.tally.slice();
  act();
  return counts(init.tally, before).slotsRead;
}

/** Which table each top entry of every process points to. Both ways run on machines that made the same tables in one order. */
function topsOf({ others }: Trees): string {
  return JSON.stringify(others.map(tops));
}

function tops(pt: PageTable): number[] {
  const top = pt.levels - 1;
  return Array.from({ length: 2 ** pt.format.indexLg2[top]! }, (_, i) => {
    const slot = pt.slot(pt.root, i * pt.span[top]!, top);
    return pt.kind(slot, top) === Kind.table ? pt.child(slot, top) : -1;
  });
}

function entriesOf(pts: readonly PageTable[]): number {
  return pts.reduce((sum, pt) => sum + tops(pt).filter((child) => child >= 0).length, 0);
}
