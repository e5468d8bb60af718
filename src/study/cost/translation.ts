/**
 * Does the model of the walker say what random loads took? Dependent loads over memory that is all zero page, so that the data is
 * in a cache and only translation differs: recorded on a real machine, and made again through a core of the model.
 *
 * The recorded machine is a virtual one, and nothing says how its host maps its memory. So a row is modelled three times:
 * without a host, and with hosts of small and of huge pages. Two numbers are found from the rows: what the loop takes besides (its own
 * arithmetic, a load that hits), and what a walk takes besides its loads (to begin it, and to go on afterwards).
 */
import { A } from "../../arch/entry.ts";
import { formatNamed } from "../../arch/formats.ts";
import { invariant } from "../../base/errors.ts";
import { newTally } from "../../base/tally.ts";
import { Frames } from "../../machine/frames.ts";
import { Tables } from "../../machine/tables.ts";
import { access } from "../../mm/fault.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";
import { AccessKind, type AccessWords, newAccessWords, setAccess } from "../../mmu/access-words.ts";
import { type Core, costsOf, specOf } from "../../mmu/cores/core.ts";
import { accessCost, type CostTable } from "../../mmu/cost.ts";
import type { NestedSpec, NestedTree } from "../../mmu/nested-walker.ts";
import { Mmu, type MmuSpec } from "../../mmu/simulate.ts";
import { setLeaf } from "../../pgtable/huge.ts";
import { PageTable } from "../../pgtable/pagetable.ts";
import { setPtes } from "../../pgtable/ptep.ts";
import { kernelFor, studyVpn } from "../layout.ts";
import type { FitStep } from "./fit.ts";
import type { LimitRow } from "./limits.ts";
import { nonNegativeLeastSquares } from "./solve.ts";

/** A core to hold against the rows: its translation hardware, the second stage's, and what its loads take. */
export interface CheckedCore {
  readonly name: string;
  readonly mmu: MmuSpec;
  readonly nested: NestedSpec;
  readonly costs: CostTable;
}

/** How the memory of the recorded machine may be mapped by its host. */
export const HOSTS = ["none", "4K", "2M"] as const;
/** One of {@link HOSTS}. */
export type HostPages = (typeof HOSTS)[number];

/** One recorded row beside the model: nanoseconds of one load. */
export interface TranslationRow {
  readonly name: string;
  readonly measured: number;
  readonly modelled: number;
  /** Walks by load. */
  readonly walks: number;
}

/** The rows under one kind of host, with what had to be found from them: time of the loop, and of a walk besides its loads. */
export interface TranslationFit {
  readonly host: HostPages;
  readonly loopNs: number;
  readonly walkNs: number;
  readonly rows: readonly TranslationRow[];
  /** Root of the mean square of the relative residuals. */
  readonly rms: number;
}

/** Memory and pages of a row, by its name; null for other rows. */
export function walkRow(name: string): { readonly mib: number; readonly huge: boolean } | null {
  const parts = /^walk_(\d+)M_(4k|2m)$/.exec(name);
  return parts === null ? null : { mib: Number(parts[1]), huge: parts[2] === "2m" };
}

/** Base pages in a MiB. */
const PAGES_PER_MIB = 256;

/** The rows of a recording that time translation, under each kind of host; none where it has no such rows. */
export function translationFits(rows: readonly LimitRow[], core: CheckedCore): TranslationFit[] {
  const steps = translationSteps(rows, core);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

/** The same one row at a time, for a caller that has other things to see to in between. */
export function* translationSteps(rows: readonly LimitRow[], core: CheckedCore): Generator<FitStep, TranslationFit[]> {
  const own = rows.filter(({ name }) => (walkRow(name)?.mib ?? Number.POSITIVE_INFINITY) <= MOST_MIB);
  const seen: { row: LimitRow; loads: Record<HostPages, Load> }[] = [];
  for (const row of own) {
    yield { done: seen.length, total: own.length };
    const { mib, huge } = walkRow(row.name)!;
    seen.push({ row, loads: loadsOf(core, mib * PAGES_PER_MIB, huge) });
  }
  if (own.length === 0) return [];
  return HOSTS.map((host) =>
    fitted(
      host,
      seen.map(({ row, loads }) => ({ ...loads[host], name: row.name, measured: row.median })),
    ),
  );
}

/** Rows over more memory are left out: a gigabyte of small pages is a second's work, and what was recorded of more wandered by half. */
const MOST_MIB = 1024;

/** The parts of a core of the model that the rows are held against; the second stage's own arrays are assumed, for none are published. */
export function checkedCore(core: Core): CheckedCore {
  const { walkCache, ...mmu } = specOf(core, formatNamed("x86-64"));
  const tlb = [[{ name: "nested TLB", sets: 1, ways: NESTED_ENTRIES, holds: [0, 9] }]];
  const nested: NestedSpec = { walkCache, tlb, accessDirty: "hardware" };
  return { name: core.title, mmu: { ...mmu, walkCache }, nested, costs: costsOf(core) };
}

const NESTED_ENTRIES = 64;

/** What the model says of one load: time of TLB look-ups and table reads, and walks. */
interface Load {
  readonly ns: number;
  readonly walks: number;
}

function fitted(host: HostPages, rows: readonly (Load & { name: string; measured: number })[]): TranslationFit {
  const equations = rows.map(({ ns, walks, measured }) => ({
    coefficients: [1 / measured, walks / measured],
    value: (measured - ns) / measured,
  }));
  const [loopNs, walkNs] = nonNegativeLeastSquares(equations, 2) as unknown as [number, number];
  const found = rows.map(({ name, measured, ns, walks }) => ({
    ...{ name, measured, walks, modelled: loopNs + ns + walkNs * walks },
  }));
  const squares = found.reduce((sum, { measured, modelled }) => sum + (modelled / measured - 1) ** 2, 0);
  return { host, loopNs, walkNs, rows: found, rms: Math.sqrt(squares / rows.length) };
}

function loadsOf(core: CheckedCore, pages: number, huge: boolean): Record<HostPages, Load> {
  const mm = zeroMemory(pages, huge);
  const words = walkWords(studyVpn(mm.kernel.format), pages);
  const of = (host: HostPages): Load => {
    const nested = host === "none" ? undefined : core.nested;
    const tree = host === "none" ? mm.pt : withHost(mm, host === "2M" ? 1 : 0);
    const mmu = new Mmu(tree, { ...core.mmu, ...(nested && { nested }) });
    mmu.run(words);
    mmu.reset();
    mmu.run(words);
    const counts = mmu.counts();
    return { ns: accessCost(counts, core.costs).total, walks: counts.walks / counts.accesses };
  };
  return { none: of("none"), "4K": of("4K"), "2M": of("2M") };
}

/** A process with a private mapping that was read everywhere and written nowhere. */
function zeroMemory(pages: number, huge: boolean): Mm {
  const kernel = kernelFor(huge ? "order 9" : "order 0", { arch: "x86-64", kernel: "6.18" });
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  mmap(mm, { start, pages, flags: Vm.read | Vm.write });
  for (let vpn = start; vpn < start + pages; vpn += huge ? mm.pt.span[1]! : 1) access(mm, vpn, false);
  return mm;
}

/** Most loads in a round: each page once where there are fewer. */
const MOST_LOADS = 2 ** 18;

/**
 * The recorded loop's addresses: the next page by a congruence of full period, so that every page comes once before any comes
 * again, and in it the line of the page's own number.
 */
function walkWords(start: number, pages: number): AccessWords {
  invariant(Number.isInteger(Math.log2(pages)), `${pages} pages: a congruence modulo a power of two is wanted`);
  const loads = Math.min(MOST_LOADS, Math.max(pages, 2 ** 14));
  const words = newAccessWords(loads);
  for (let k = 0, i = 1; k < loads; k++) {
    i = (Math.imul(i, 1664525) + 1013904223) & (pages - 1);
    setAccess(words, k, (start + i) * 64 + (i & 63), AccessKind.load);
  }
  return words;
}

const USED = A.write | A.dirty | A.young | A.exec;

/** Where the host keeps the guest's memory: anywhere aligned. */
const OFFSET = 2 ** 26;

/** A host that maps what this process' translations need of the guest's memory: the zero pages and the tables. */
function withHost(mm: Mm, level: number): NestedTree {
  const { format, tables, kernel } = { ...mm.pt, format: mm.pt.format, tables: mm.pt.tables, kernel: mm.kernel };
  const host = new PageTable({
    ...{ format, tables: new Tables(9, 2 ** 30), frames: new Frames(1024), tally: newTally(), contpte: false },
  });
  const span = host.span[level]!;
  const map = (pfn: number, n: number) => {
    for (let at = Math.floor(pfn / span) * span; at < pfn + n; at += span) {
      const slot = host.findOrMake(at, level);
      if (level === 0) setPtes(host, slot, at + OFFSET, USED, 1);
      else setLeaf(host, slot, level, at + OFFSET, USED);
    }
  };
  map(kernel.zeroPfn, 1);
  if (kernel.hugeZeroPfn >= 0) map(kernel.hugeZeroPfn, 512);
  map(tables.basePfn, tables.live);
  return { format, tables, root: mm.pt.root, host };
}
