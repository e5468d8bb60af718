/**
 * Random programs for the tests of translation: an address space that ops keep changing, and streams of accesses over it.
 */
import { A } from "../../src/arch/entry.ts";
import { pmdOrder } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Vm } from "../../src/mm/vma.ts";
import { type AccessWords, LINE_LG2, newAccessWords, setAccess } from "../../src/mmu/access-words.ts";
import type { CachesSpec } from "../../src/mmu/caches.ts";
import { type FlushKind, flushKinds, type Told } from "../../src/mmu/flush-kinds.ts";
import { leafSizes } from "../../src/mmu/generic.ts";
import type { CacheShape } from "../../src/mmu/key-sets.ts";
import type { MmuSpec } from "../../src/mmu/simulate.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";

/** Pages of the playground, in two parts far apart, so that all levels take part; nearer where addresses are few. */
export const BASES = [2 ** 20, 2 ** 34 - 1024];
export const PAGES = 2048;

function basesOf({ kernel }: Mm): number[] {
  const top = 2 ** (kernel.format.userVaBits - kernel.format.pageLg2 - 1);
  return BASES.map((base, i) => Math.min(base, i === 0 ? top / 4 : top - 1024));
}

/** One machine with two address spaces, of which the second only matters to tests that switch. */
export interface Playground {
  readonly rng: Random;
  readonly mm: Mm;
  readonly other: Mm;
}

/** A machine with random knobs, address spaces with both parts mapped, and a few global pages that all of them share. */
export function playground(seed: number): Playground {
  const rng = random(seed);
  const kernel = new Kernel({
    arch: rng.pick(formats).name,
    contpte: rng.below(4) > 0,
    accessDirty: rng.pick(["hardware", "fault"]),
  });
  const kB = (order: number) => 2 ** (kernel.format.pageLg2 + order - 10);
  for (const order of [2, 4, 6, pmdOrder(kernel.format)])
    if (rng.below(2) === 0) kernel.thp.set(`hugepages-${kB(order)}kB/enabled`, "always");
  const [mm, other] = [newSpace(kernel), newSpace(kernel)];
  return { rng, mm, other };
}

function newSpace(kernel: Kernel): Mm {
  const mm = new Mm(kernel);
  for (const base of basesOf(mm)) mapAll(mm, base, PAGES);
  const slot = mm.pt.findOrMake(globalBase(mm), 0);
  setPtes(mm.pt, slot, 64, A.write | A.dirty | A.young | A.global, GLOBALS);
  return mm;
}

/** Pages that every address space has alike, as a kernel's are, but that programs may use. */
const GLOBALS = 16;
const globalBase = (mm: Mm) => basesOf(mm)[0]! + 2 * PAGES;

/** An ASID in use, or one beside them. */
export function anyInvalidation(rng: Random, mm: Mm): [FlushKind, Told] {
  const start = rng.below(8) === 0 ? globalBase(mm) + rng.below(GLOBALS) : anyPage(rng, mm);
  return [rng.pick(flushKinds), { page: start, start, end: start + 1 + rng.below(40), asid: rng.below(3) }];
}

/** The upper part may hold instructions. */
function mapAll(mm: Mm, start: number, pages: number): void {
  const exec = start >= basesOf(mm)[1]! ? Vm.exec : 0;
  const err = mmap(mm, { start, pages, flags: Vm.read | Vm.write | exec });
  if (err !== null) throw new Error(`mmap: ${err}`);
}

/** A page of the playground. */
export function anyPage(rng: Random, mm: Mm): number {
  return rng.pick(basesOf(mm)) + rng.below(PAGES);
}

/** One random change. Returns the pages whose translations may have changed, widened to whole level-1 leaves. */
export function change(rng: Random, mm: Mm): { start: number; end: number } {
  const start = anyPage(rng, mm);
  const base = basesOf(mm).findLast((b) => b <= start)!;
  const end = Math.min(start + 1 + rng.below(64), base + PAGES);
  switch (rng.below(8)) {
    case 0:
      madvise(mm, start, end, "dontneed");
      break;
    case 1:
      mprotect(mm, start, end, rng.pick([0, Vm.read, Vm.read | Vm.write, Vm.read | Vm.exec]));
      break;
    case 2:
      munmap(mm, start, end);
      mapAll(mm, start, end - start);
      break;
    default:
      for (let vpn = start; vpn < end; vpn++) access(mm, vpn, rng.below(3) > 0);
  }
  const huge = mm.pt.span[1]!;
  return { start: start - (start % huge), end: end - (end % huge) + huge };
}

/** Loads, stores and fetches of {@link pages}, each to some line of its page. */
export function accesses(rng: Random, mm: Mm, n: number): AccessWords {
  const words = newAccessWords(n);
  const pageLines = 2 ** (mm.kernel.format.pageLg2 - LINE_LG2);
  for (const [i, vpn] of pages(rng, mm, n).entries())
    setAccess(words, i, vpn * pageLines + rng.below(pageLines), rng.pick([0, 0, 0, 1, 1, 2]));
  return words;
}

/** Pages with some locality: runs of neighbours, returns to a few, and jumps. */
export function pages(rng: Random, mm: Mm, n: number): Float64Array {
  const bases = basesOf(mm);
  const inside = (vpn: number) => bases.some((base) => vpn >= base && vpn < base + PAGES);
  const vpns = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const previous = i === 0 ? bases[0]! : vpns[i - 1 - rng.below(Math.min(i, 20))]!;
    if (rng.below(16) === 0) vpns[i] = globalBase(mm) + rng.below(GLOBALS);
    else
      vpns[i] = rng.below(4) === 0 ? anyPage(rng, mm) : previous + (rng.below(3) > 0 && inside(previous + 1) ? 1 : 0);
  }
  return vpns;
}

const USES = ["both", "both", "data", "fetch"] as const;

/** A random core: up to three TLB levels, split or not, and walk caches in some levels; all of it plain LRU. */
export function anyCore(rng: Random, mm: Mm): MmuSpec {
  return coreOf(
    rng,
    mm,
    () => ({ ways: 1 + rng.below(5) }),
    () => ({}),
  );
}

/** The same with all that a core may have besides: tree-PLRU, coalescing, tags for address spaces. */
export function anyRichCore(rng: Random, mm: Mm): MmuSpec {
  const ways = () => rng.pick([{ ways: 1 + rng.below(5) }, { ways: 2 ** rng.below(4), policy: "plru" as const }]);
  const runs = mm.kernel.format.entryBytes === 8 ? 3 : 4;
  const run = () => (rng.below(3) === 0 ? { coalesce: 1 + rng.below(runs) } : {});
  const caches = rng.below(2) === 0 ? {} : { caches: anyCaches(rng, ways) };
  const plain = coreOf(rng, mm, ways, run);
  const walkCache = plain.walkCache.map((own, level, all) =>
    level > 1 && all[1] !== null && rng.below(3) === 0 ? { sharedWith: 1 } : own,
  );
  return { ...plain, walkCache, asidBits: rng.pick([0, 12]), ...caches };
}

/** Up to three small caches, with lines of 64 bytes or more. */
export function anyCaches(rng: Random, ways: () => Ways): CachesSpec {
  const cache = () => ({ name: "cache", sets: 2 ** rng.below(4), ...ways(), line: rng.pick([64, 64, 128]) });
  const levels = Array.from({ length: rng.below(4) }, cache);
  return { levels, walkerFrom: rng.below(levels.length + 1), dataCompetes: rng.below(2) === 0 };
}

type Ways = Pick<CacheShape, "ways" | "policy">;

function coreOf(rng: Random, mm: Mm, ways: () => Ways, run: () => { coalesce?: number }): MmuSpec {
  const sizes = leafSizes(mm.kernel.format, true);
  const shape = () => ({ sets: 2 ** rng.below(4), ...ways() });
  const holds = () => sizes.filter(() => rng.below(2) === 0);
  const array = () => ({ name: "array", ...shape(), holds: holds(), for: rng.pick(USES), ...run() });
  const tlb = Array.from({ length: rng.below(4) }, () => Array.from({ length: 1 + rng.below(2) }, array));
  const walkCache = Array.from({ length: 5 }, () => (rng.below(2) === 0 ? shape() : null));
  return { tlb, walkCache, accessDirty: mm.kernel.accessDirty };
}
