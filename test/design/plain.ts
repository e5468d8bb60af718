/**
 * The slow twin of all designs: page by page, each page found from the root. It is no design of the debate.
 */
import { Kind } from "../../src/arch/entry.ts";
import type { Design, Installer } from "../../src/design/design.ts";
import { storeFill } from "../../src/design/fill.ts";
import { addPages, isResident, newCounts, newPagemap, putPresent, putSoftleaf } from "../../src/design/read.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { ptepAttrs } from "../../src/pgtable/ptep.ts";
import { visit } from "../../src/pgtable/visit.ts";

/** The lowest slot that an address leads to, and its level. */
function lowest(pt: PageTable, vpn: number): [slot: number, level: number] {
  for (let level = 0; ; level++) {
    const slot = pt.find(vpn, level);
    if (slot >= 0) return [slot, level];
  }
}

function attrsAt(pt: PageTable, slot: number, level: number): number {
  return level === 0 ? ptepAttrs(pt, slot) : pt.attrs(slot, level);
}

/** Calls back for every page that is not empty. */
function each(
  pt: PageTable,
  start: number,
  end: number,
  use: (vpn: number, slot: number, level: number, kind: Kind) => void,
): void {
  for (let vpn = start; vpn < end; vpn++) {
    const [slot, level] = lowest(pt, vpn);
    const kind = pt.kind(slot, level);
    if (kind === Kind.leaf || kind === Kind.softleaf) use(vpn, slot, level, kind);
  }
}

function install(pt: PageTable, start: number, end: number, { fill, keep }: Installer) {
  let pages = 0;
  for (let vpn = start; vpn < end; vpn++) {
    const [slot, level] = lowest(pt, vpn);
    if (pt.kind(slot, level) !== Kind.none) {
      if (!keep(slot, level)) return { pages, stopped: vpn };
      continue;
    }
    storeFill(pt, pt.findOrMake(vpn, 0), 1, fill, vpn - start);
    pages++;
  }
  return { pages, stopped: -1 };
}

/** See the head of this file. */
export const plain: Design = {
  name: "plain" as never,
  idea: "each page is found from the root",
  source: "this test",
  find: (pt, vpn, level) => pt.find(vpn, level),
  findOrMake: (pt, vpn, level) => pt.findOrMake(vpn, level),
  visit: (pt, start, end, visitor) =>
    visit(pt, start, end, {
      ...visitor,
      ptes: (slot, from, nr) => {
        const table = pt.tableOf(slot);
        pt.locks.take(table, 0);
        visitor.ptes?.(slot, from, nr);
        pt.locks.drop(table, 0);
      },
    }),
  install,
  countPages: (pt, start, end) => {
    const counts = newCounts();
    each(pt, start, end, (_vpn, slot, level, kind) => {
      if (kind === Kind.leaf) addPages(counts, 1, attrsAt(pt, slot, level));
    });
    return counts;
  },
  pagemap: (pt, start, end) => {
    const map = newPagemap(end - start);
    each(pt, start, end, (vpn, slot, level, kind) => {
      const pfn = pt.pfn(slot, level) + (vpn % pt.span[level]!);
      if (kind === Kind.leaf) putPresent(map, vpn - start, 1, pfn, attrsAt(pt, slot, level));
      else putSoftleaf(map, vpn - start, 1, pt, slot);
    });
    return map;
  },
  mincore: (pt, start, end) => {
    const resident = new Uint8Array(end - start);
    each(pt, start, end, (vpn, _slot, _level, kind) => {
      resident[vpn - start] = isResident(kind) ? 1 : 0;
    });
    return resident;
  },
};
