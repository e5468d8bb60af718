/**
 * The generic page table of IOMMUs beside the code that it replaced: mapping and unmapping one page and 256 of them, with a walk from
 * the root for each entry or one for each table.
 *
 * Which of the two the older code was is a matter of the driver: AMD's walked for each entry (alloc_pte and fetch_pte in a loop), VT-d's and
 * io-pgtable-arm kept on within a table. Modelled on x86-64's tables, which are there already; these drivers take no locks, so none is priced.
 * Not modelled: the call through the IOMMU layer, flushes of the table's own cache lines, mappings by huge leaves.
 * Source: Jason Gunthorpe, "Consolidate iommu page table implementations" (generic_pt), 2025.
 */

import { A } from "../../arch/entry.ts";
import { formatNamed } from "../../arch/formats.ts";
import { counts, newTally } from "../../base/tally.ts";
import { folded } from "../../design/folded.ts";
import { mapRange, unmapRange } from "../../design/operations.ts";
import { Frames } from "../../machine/frames.ts";
import { Tables } from "../../machine/tables.ts";
import { PageTable } from "../../pgtable/pagetable.ts";
import { setPtes } from "../../pgtable/ptep.ts";
import type { Experiment } from "../experiment.ts";
import { priceOf } from "./costs.ts";

/** Published mean nanoseconds of one call, older code and generic page table, and how the older code walked. */
interface PublishedCall {
  readonly driver: string;
  readonly operation: "map" | "unmap";
  readonly pages: number;
  readonly older: number;
  readonly newer: number;
  readonly walks: "for each entry" | "for each table";
}

const EACH = "for each entry";
const TABLE = "for each table";

/** The published calls over pages of 4K. */
export const PUBLISHED_GENERIC_PT: readonly PublishedCall[] = [
  { driver: "AMDv1", operation: "map", pages: 1, older: 66, newer: 53, walks: EACH },
  { driver: "AMDv1", operation: "map", pages: 256, older: 1909, newer: 386, walks: EACH },
  { driver: "AMDv1", operation: "unmap", pages: 1, older: 88, newer: 69, walks: EACH },
  { driver: "AMDv1", operation: "unmap", pages: 256, older: 6498, newer: 353, walks: EACH },
  { driver: "AMDv2 (x86)", operation: "map", pages: 1, older: 62, newer: 56, walks: EACH },
  { driver: "AMDv2 (x86)", operation: "map", pages: 256, older: 1355, newer: 405, walks: EACH },
  { driver: "VT-d", operation: "map", pages: 1, older: 65, newer: 55, walks: TABLE },
  { driver: "VT-d", operation: "map", pages: 256, older: 518, newer: 391, walks: TABLE },
  { driver: "ARM64", operation: "map", pages: 1, older: 65, newer: 57, walks: TABLE },
  { driver: "ARM64", operation: "map", pages: 256, older: 389, newer: 380, walks: TABLE },
];

/** One call: published and modelled nanoseconds, and how many times the older code takes the newer's. */
export interface GenericPtRow {
  readonly call: string;
  readonly walks: string;
  readonly older: number;
  readonly newer: number;
  readonly ratio: number;
  readonly modelledOlder: number;
  readonly modelledNewer: number;
  readonly modelledRatio: number;
}

const genericPtParams = {
  driver: {
    kind: "choice",
    label: "driver",
    options: ["all", ...new Set(PUBLISHED_GENERIC_PT.map((p) => p.driver))],
    default: "all",
  },
} as const;

/** "What does a walk for each entry cost?" */
export const genericPtTimes: Experiment<typeof genericPtParams, GenericPtRow> = {
  id: "generic-pt",
  question: "What does a walk from the root for each entry cost, where one for each table would do?",
  params: genericPtParams,
  run: ({ driver }) =>
    PUBLISHED_GENERIC_PT.filter((p) => driver === "all" || p.driver === driver).map((p) => {
      const modelledNewer = callNs(p.operation, p.pages, TABLE);
      const modelledOlder = callNs(p.operation, p.pages, p.walks);
      const size = p.pages === 1 ? "4K" : `${p.pages} x 4K`;
      return {
        ...{ call: `${p.driver}, ${p.operation} ${size}`, walks: p.walks },
        ...{ older: p.older, newer: p.newer, ratio: p.older / p.newer },
        ...{ modelledOlder, modelledNewer, modelledRatio: modelledOlder / modelledNewer },
      };
    }),
};

/** Where the pages are: anywhere but at the edge of a table. */
const START = 512 * 100 + 7;

function callNs(operation: PublishedCall["operation"], pages: number, walks: PublishedCall["walks"]): number {
  const tally = newTally();
  const pt = emptyTable(tally);
  const frame = pt.frames.alloc(9);
  const step = walks === EACH ? 1 : pages;
  const attrs = A.write | A.young | A.dirty;
  const map = () => {
    if (walks === TABLE) mapRange(folded, pt, START, pages, frame, attrs);
    else for (let i = 0; i < pages; i++) setPtes(pt, folded.findOrMake(pt, START + i, 0), frame + i, attrs, 1);
  };
  const unmap = () => {
    for (let i = 0; i < pages; i += step) unmapRange(folded, pt, START + i, START + i + step);
  };
  // Once through both, so that the tables are there.
  map();
  unmap();
  if (operation === "unmap") map();
  const before = tally.slice();
  (operation === "map" ? map : unmap)();
  return priceOf({ ...counts(tally, before), pteLocks: 0, upperLocks: 0 }).ns;
}

function emptyTable(tally: Float64Array): PageTable {
  const format = formatNamed("x86-64");
  const frames = new Frames(2 ** 16);
  return new PageTable({ format, tables: new Tables(9, 2 ** 16, 2 ** 10), frames, tally, contpte: false });
}
