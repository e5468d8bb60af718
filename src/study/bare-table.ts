/**
 * Page tables with no kernel around them, for experiments on entries themselves: a small machine, one tree, nothing mapped.
 */
import type { Format } from "../arch/format.ts";
import { newTally } from "../base/tally.ts";
import { Frames, MAX_ORDER } from "../machine/frames.ts";
import { Tables } from "../machine/tables.ts";
import type { ContpteRules } from "../pgtable/contpte-rules.ts";
import { PageTable } from "../pgtable/pagetable.ts";

/** What may be chosen about such a tree. */
export interface BareSpec {
  /** Whether arm64's contiguous bit is used. Default true. */
  readonly contpte?: boolean | undefined;
  /** Default: Linux 6.18 without BBML2. */
  readonly contpteRules?: Partial<ContpteRules> | undefined;
  /** Memory that it shares with other trees. Default: one free block of the largest order, of its own. */
  readonly frames?: Frames | undefined;
}

/** A tree of page tables of a format, with a tally of its own. */
export function barePageTable(format: Format, spec: BareSpec = {}): PageTable {
  const { contpte = true, contpteRules = {}, frames = new Frames(2 ** MAX_ORDER) } = spec;
  const tables = new Tables(Math.max(...format.indexLg2), frames.total);
  return new PageTable({ format, tables, frames, tally: newTally(), contpte, contpteRules });
}
