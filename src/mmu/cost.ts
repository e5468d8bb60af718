/**
 * From counted events of translation to modelled time, through one table whose every weight says where it comes from.
 * Nothing here is measured by ptlab, and no weight is fitted yet: the table describes no product, and absolute times are
 * to be read as orders of magnitude.
 *
 * Where counts say which cache each table read came from (a core with caches, see `caches.ts`), cost is the sum of those loads.
 * Where they do not, as with the fast engine, a table read is taken to cost a load from the smallest cache that still holds the
 * lines of its level and of all levels above, since a level further up has fewer lines and they are used more.
 * Not modelled: walks that overlap, out-of-order execution; without caches, lines competing with data beyond a fixed share.
 */
import { UserError } from "../base/errors.ts";
import type { MmuCounts } from "./counts.ts";

/** One number of the table. `source` names a document or a recorded run, or says "assumed" and why. */
export interface Weight {
  readonly value: number;
  readonly unit: "ns" | "cycles" | "GHz" | "bytes" | "share";
  readonly source: string;
}

/** A data cache as the walker sees it. */
export interface CacheWeight {
  readonly name: string;
  readonly size: Weight;
  readonly load: Weight;
}

/** The cost table. Times may be in ns or in cycles of `clock`. */
export interface CostTable {
  readonly name: string;
  readonly clock: Weight;
  /** Extra time of an access that hits in each TLB level; levels beyond the list cost as its last. */
  readonly tlb: readonly Weight[];
  /** From the smallest up. */
  readonly caches: readonly CacheWeight[];
  readonly memory: Weight;
  /** Part of each cache that lines of tables may take. */
  readonly tableShare: Weight;
}

const weight = (value: number, unit: Weight["unit"], source: string): Weight => ({ value, unit, source });

const RECORDED = "recorded on a virtual machine, EPYC Zen 4, Linux 6.18";

/** The default table: a present-day server core, put together from the sources named. */
export const defaultCosts: CostTable = {
  name: "server core",
  clock: weight(3, "GHz", "assumed; usual for server cores under load"),
  tlb: [
    weight(0, "ns", "assumed; part of every load's latency"),
    weight(1.8, "ns", `${RECORDED}: random loads over 4 MiB take 9.96 ns with 4K and 8.17 ns with 2M pages`),
  ],
  caches: [
    {
      name: "L1",
      size: weight(65536, "bytes", "Neoverse N1, WikiChip"),
      load: weight(4, "cycles", "Neoverse N1, WikiChip: fastest load-to-use"),
    },
    {
      name: "L2",
      size: weight(2 ** 20, "bytes", "Neoverse N1, WikiChip"),
      load: weight(11, "cycles", "Neoverse N1, WikiChip: 9 to 11"),
    },
    {
      name: "L3",
      size: weight(2 ** 25, "bytes", "assumed; the share of a core complex in EPYC 9004"),
      load: weight(50, "cycles", "assumed; four to five times L2"),
    },
  ],
  memory: weight(196, "ns", `${RECORDED}: random loads over 1 GiB, 2M pages: 212.5 ns, less 16.9 ns of translation`),
  tableShare: weight(0.5, "share", "assumed; the rest is taken by the program's data"),
};

/** All weights of a table with their names, for a page that shows where a modelled number comes from. */
export function listWeights(table: CostTable): readonly (Weight & { readonly name: string })[] {
  const { clock, tlb, caches, memory, tableShare } = table;
  return [
    { name: "clock", ...clock },
    ...tlb.map((w, i) => ({ name: `hit in TLB level ${i + 1}`, ...w })),
    ...caches.flatMap(({ name, size, load }) => [
      { name: `size of ${name}`, ...size },
      { name: `load from ${name}`, ...load },
    ]),
    { name: "load from memory", ...memory },
    { name: "part of a cache for tables", ...tableShare },
  ];
}

/** Modelled nanoseconds per access, by cause. */
export interface AccessCost {
  /** Looking in TLB levels behind the first, whether that hit or not. */
  readonly tlb: number;
  /** Table reads by level, level 0 first. */
  readonly reads: readonly number[];
  /** Nested translation: reads of the host's tables by their level. */
  readonly host: readonly number[];
  readonly total: number;
  /** Where most reads of each level came from, or are taken to: the name of a cache, or "memory"; null where none was read. */
  readonly from: readonly (string | null)[];
}

/** What an access costs on average, of the accesses counted. Zero for none. */
export function accessCost(counts: MmuCounts, table: CostTable): AccessCost {
  const per = counts.accesses === 0 ? 0 : 1 / counts.accesses;
  const places = placesOf(table);
  const byLevel = counts.cacheReads ?? estimated(counts, table);
  const ns = (reads: readonly number[]) =>
    sum(reads.map((n, i) => n * nanoseconds(places[i]!.load, table.clock))) * per;
  const tlb = tlbNs(counts, table) * per;
  for (const row of [...byLevel, ...(counts.host?.cacheReads ?? [])]) checkCaches(row, table);
  const reads = byLevel.map(ns);
  const host = hostReads(counts, table).map(ns);
  const from = byLevel.map((row) => (sum(row) === 0 ? null : places[row.indexOf(Math.max(...row))]!.name));
  return { tlb, reads, host, total: tlb + sum(reads) + sum(host), from };
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** The caches, and memory behind them. */
function placesOf({ caches, memory }: CostTable): { name: string; load: Weight }[] {
  return [...caches, { name: "memory", load: memory }];
}

function checkCaches(row: readonly number[], { name, caches }: CostTable): void {
  if (row.length !== caches.length + 1)
    throw new UserError(
      `counts of ${row.length - 1} caches do not fit the cost table '${name}', which has ${caches.length}`,
    );
}

/** Without caches the host's tables are taken to be where the guest's are at the same level. */
function hostReads({ host, ...counts }: MmuCounts, table: CostTable): readonly (readonly number[])[] {
  if (host === undefined) return [];
  const levels = host.reads[0]!.map((_, level) => sum(host.reads.map((row) => row[level]!)));
  return host.cacheReads ?? estimated({ ...counts, reads: levels }, table);
}

/** An access that goes through to a level, or past the last to a walk, has paid for that level's look-up. */
function tlbNs({ tlbHits, walks }: MmuCounts, { tlb, clock }: CostTable): number {
  const cost = (level: number) => nanoseconds(tlb[Math.min(level, tlb.length - 1)]!, clock);
  const hits = tlbHits.reduce((sum, n, level) => sum + n * cost(level), 0);
  return hits + (tlbHits.length === 0 ? 0 : walks * cost(tlbHits.length - 1));
}

/** All reads of a level from the smallest cache that holds its lines and those of all levels above. */
function estimated({ reads, lines }: MmuCounts, { caches, tableShare }: CostTable): number[][] {
  return reads.map((n, level) => {
    const bytes = sum(lines.slice(level)) * LINE_BYTES;
    const fits = caches.findIndex(({ size }) => bytes <= size.value * tableShare.value);
    return [...caches, null].map((_, place) => (place === (fits < 0 ? caches.length : fits) ? n : 0));
  });
}

const LINE_BYTES = 64;

function nanoseconds({ value, unit }: Weight, clock: Weight): number {
  return unit === "cycles" ? value / clock.value : value;
}
