/**
 * What must hold of a machine and its address spaces between any two operations, recounted from the words of all tables.
 */
import { A, attrText, Kind } from "../../src/arch/entry.ts";
import { isGuard } from "../../src/arch/format.ts";
import { FrameFlag } from "../../src/machine/frames.ts";
import type { Kernel } from "../../src/mm/kernel.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { VM_ACCESS, Vm } from "../../src/mm/vma.ts";
import { isSwapPte, swapPteAt } from "../../src/pgtable/softleaf.ts";

/** An entry that maps memory, or a marker, with the first page it is for. */
export interface Mapped {
  readonly mm: Mm;
  readonly vpn: number;
  readonly level: number;
  readonly slot: number;
  readonly kind: Kind;
  readonly pfn: number;
  readonly attrs: number;
}

interface Census {
  readonly entries: Mapped[];
  /** Tables found from the root, by level. */
  readonly tables: number[];
  /** Tables that lie in no VMA. */
  readonly stray: string[];
}

/** Every fact that is wrong, as one line each; an empty list is what a test expects. */
export function wrongs(kernel: Kernel, mms: readonly Mm[]): string[] {
  const census = mms.map((mm) => censusOf(mm));
  const entries = census.flatMap((c) => c.entries);
  const leaves = entries.filter((e) => e.kind === Kind.leaf && !(e.attrs & A.special) && !kernel.isHugeZero(e.pfn));
  return [
    ...census.flatMap((c) => c.stray),
    ...mms.flatMap((mm, i) => wrongTables(mm, census[i]!)),
    ...wrongLive(kernel, mms),
    ...mms.flatMap(wrongAreas),
    ...entries.flatMap(wrongEntry),
    ...wrongCounts(kernel, leaves),
    ...wrongSwap(kernel, mms, entries),
    ...mms.flatMap((mm) => wrongResident(mm, leaves)),
    ...wrongOwners(kernel, leaves),
    ...wrongSharing(kernel, leaves),
    ...mms.flatMap((mm, i) => wrongBlocks(mm, census[i]!.entries)),
  ];
}

/** Goes through the words of all tables, without the code under test. */
function censusOf(mm: Mm): Census {
  const { pt } = mm;
  const found: Census = { entries: [], tables: new Array<number>(pt.levels).fill(0), stray: [] };
  const enter = (table: number, level: number, start: number): void => {
    found.tables[level]!++;
    if (level < pt.levels - 1 && mm.vmas.overlapping(start, start + pt.span[level + 1]!).length === 0)
      found.stray.push(`table of level ${level} at page ${start} belongs to no area`);
    for (let i = 0; i < 1 << pt.format.indexLg2[level]!; i++) {
      const slot = (table << pt.tables.slotsLg2) + i;
      const [kind, vpn] = [pt.kind(slot, level), start + i * pt.span[level]!];
      if (kind === Kind.table) enter(pt.child(slot, level), level - 1, vpn);
      else if (kind !== Kind.none)
        found.entries.push({ mm, vpn, level, slot, kind, pfn: pt.pfn(slot, level), attrs: pt.attrs(slot, level) });
    }
  };
  enter(pt.root, pt.levels - 1, 0);
  return found;
}

/** Every huge mapping keeps one deposited table, which counts at level 0. */
function wrongTables(mm: Mm, census: Census): string[] {
  const deposits = census.entries.filter((e) => e.level === 1 && e.kind === Kind.leaf).length;
  return census.tables.flatMap((n, level) => {
    const want = level === 0 ? n + deposits : n;
    return want === mm.pt.tablesAt[level]
      ? []
      : [`${mm.pt.tablesAt[level]} tables noted at level ${level}, ${want} there`];
  });
}

function wrongLive(kernel: Kernel, mms: readonly Mm[]): string[] {
  const sum = mms.reduce((all, mm) => all + mm.pt.tablesAt.reduce((a, b) => a + b, 0), 0);
  return sum === kernel.tables.live ? [] : [`${kernel.tables.live} tables live, ${sum} held`];
}

function wrongAreas(mm: Mm): string[] {
  return mm.vmas.all.flatMap((vma, i) => {
    const next = mm.vmas.all[i + 1];
    const text = `area ${vma.start}-${vma.end}`;
    return [
      ...(vma.start < vma.end ? [] : [`${text} is empty`]),
      ...(next === undefined || vma.end <= next.start ? [] : [`${text} overlaps the next, from ${next.start}`]),
    ];
  });
}

/** What an entry allows follows from its VMA: PROT_NONE and exec exactly, write at most. */
function wrongEntry(e: Mapped): string[] {
  const text = `entry of page ${e.vpn} level ${e.level} (${attrText(e.attrs)})`;
  const vma = e.mm.vmas.at(e.vpn);
  if (vma === undefined || e.vpn + e.mm.pt.span[e.level]! > vma.end) return [`${text} lies in no area`];
  if (e.kind === Kind.softleaf && isSwapPte(e.mm.pt, e.slot)) return [];
  if (e.kind === Kind.softleaf)
    return isGuard(e.mm.pt.format, e.mm.pt.lo(e.slot), e.mm.pt.hi(e.slot)) ? [] : [`${text} is no guard`];
  const mayExec = (e.attrs & A.exec) > 0;
  const hidden = (e.attrs & (A.protnone | A.noUser)) !== 0;
  return [
    ...(hidden === !(vma.flags & VM_ACCESS) ? [] : [`${text}: PROT_NONE is ${hidden}, area flags ${vma.flags}`]),
    ...(hidden || mayExec === (vma.flags & Vm.exec) > 0 || !e.mm.pt.format.noExec
      ? []
      : [`${text}: exec against its area`]),
    ...(e.attrs & A.write && !(vma.flags & Vm.write) ? [`${text} is writable, its area is not`] : []),
    ...(e.attrs & A.write && e.attrs & A.special ? [`${text}: the zero page is writable`] : []),
  ];
}

/** Map counts of pages and folios, and frames in use: mapped folios and the pinned zero pages, nothing else. */
function wrongCounts(kernel: Kernel, leaves: readonly Mapped[]): string[] {
  const { frames } = kernel;
  const [pages, entire, total] = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
  const add = (map: Map<number, number>, key: number) => map.set(key, (map.get(key) ?? 0) + 1);
  for (const e of leaves) {
    add(e.level === 0 ? pages : entire, e.pfn);
    add(total, frames.head(e.pfn));
  }
  const out: string[] = [];
  let used = 0;
  for (const [head, n] of total) {
    used += 2 ** frames.order(head);
    if (frames.totalMapcount(head) !== n)
      out.push(`folio ${head}: ${frames.totalMapcount(head)} entries noted, ${n} there`);
    if (frames.entireMapcount(head) !== (entire.get(head) ?? 0)) out.push(`folio ${head}: entire count`);
    for (let p = head; p < head + 2 ** frames.order(head); p++) {
      const want = (pages.get(p) ?? 0) + (entire.get(head) ?? 0);
      if (frames.mapcount(p) !== want)
        out.push(`frame ${p}: mapped ${frames.mapcount(p)} times by note, ${want} by count`);
    }
  }
  // What the swap cache holds and nobody maps is in use as well.
  used += kernel.swap.cachedFrames.filter((pfn) => !frames.mapped(pfn)).length;
  const pinned = frames.used - used;
  if (pinned !== 1 && pinned !== 1 + 2 ** kernel.format.indexLg2[0]!)
    out.push(`${pinned} frames in use that nobody maps`);
  return out;
}

/** The count of every slot of swap, and of every address space's entries. */
function wrongSwap(kernel: Kernel, mms: readonly Mm[], entries: readonly Mapped[]): string[] {
  const named = new Map<number, number>();
  const own = new Map<Mm, number>();
  for (const { mm, slot, kind } of entries) {
    if (kind !== Kind.softleaf || !isSwapPte(mm.pt, slot)) continue;
    const { offset } = swapPteAt(mm.pt, slot);
    named.set(offset, (named.get(offset) ?? 0) + 1);
    own.set(mm, (own.get(mm) ?? 0) + 1);
  }
  const { swap } = kernel;
  return [
    ...[...named]
      .filter(([offset, n]) => swap.count(offset) !== n)
      .map(([offset, n]) => `slot ${offset} of swap: ${swap.count(offset)} entries noted, ${n} there`),
    ...(swap.used === named.size ? [] : [`${swap.used} slots of swap in use, ${named.size} named`]),
    ...mms
      .filter((mm) => mm.swapEnts !== (own.get(mm) ?? 0))
      .map((mm) => `${mm.swapEnts} pages in swap noted, ${own.get(mm) ?? 0} there`),
  ];
}

function wrongResident(mm: Mm, leaves: readonly Mapped[]): string[] {
  const n = leaves.filter((e) => e.mm === mm).reduce((sum, e) => sum + mm.pt.span[e.level]!, 0);
  return n === mm.anonPages ? [] : [`${mm.anonPages} resident pages noted, ${n} mapped`];
}

/** A page that somebody may write is that one's alone, and nobody else maps it. */
function wrongOwners(kernel: Kernel, leaves: readonly Mapped[]): string[] {
  return leaves
    .filter((e) => e.attrs & A.write)
    .filter((e) => !kernel.frames.hasFlag(e.pfn, FrameFlag.exclusive) || kernel.frames.mapcount(e.pfn) !== 1)
    .map((e) => `page ${e.vpn} is writable, its frame ${e.pfn} is not its own`);
}

/**
 * A large folio that is not noted as shared has one user, whose entries are counted exactly. A shared one may have more users
 * than are known, and of those that are known no more entries than there are.
 */
function wrongSharing(kernel: Kernel, leaves: readonly Mapped[]): string[] {
  const users = new Map<number, Map<number, number>>();
  for (const e of leaves) {
    const head = kernel.frames.head(e.pfn);
    if (kernel.frames.order(head) === 0) continue;
    const of = users.get(head) ?? new Map<number, number>();
    users.set(head, of.set(e.mm.id, (of.get(e.mm.id) ?? 0) + 1));
  }
  return [...users].flatMap(([head, of]) => {
    const owners = kernel.mmIds.owners(head);
    const sole = owners.length === 1 && owners[0]!.entries === of.get(owners[0]!.mmId);
    if (!kernel.mmIds.shared(head) && !(of.size === 1 && sole)) return [`folio ${head} is noted as one user's alone`];
    return owners
      .filter(({ mmId, entries }) => entries > (of.get(mmId) ?? 0))
      .map(({ mmId, entries }) => `folio ${head}: ${entries} entries of ${mmId} noted, ${of.get(mmId) ?? 0} there`);
  });
}

/** A contiguous bit that hardware looks at stands on a whole aligned block of one folio with one set of attributes. */
function wrongBlocks(mm: Mm, entries: readonly Mapped[]): string[] {
  const { pt } = mm;
  const n = 2 ** pt.format.contLg2[0]!;
  const folded = entries.filter(
    (e) => e.level === 0 && e.attrs & A.cont && !(e.attrs & A.protnone) && e.kind === Kind.leaf,
  );
  if (!pt.contpte) return folded.map((e) => `page ${e.vpn} has the contiguous bit, which is off`);
  return folded.filter((e) => !inWholeBlock(mm, e, n)).map((e) => `page ${e.vpn} is folded, but not in a whole block`);
}

function inWholeBlock(mm: Mm, e: Mapped, n: number): boolean {
  const { pt, kernel } = mm;
  const [slot, pfn] = [e.slot - (e.slot % n), e.pfn - (e.slot % n)];
  const strip = ~(A.young | A.dirty);
  for (let i = 0; i < n; i++) {
    if (pt.kind(slot + i, 0) !== Kind.leaf || pt.pfn(slot + i) !== pfn + i) return false;
    if ((pt.attrs(slot + i) & strip) !== (e.attrs & strip)) return false;
    if (kernel.frames.head(pfn + i) !== kernel.frames.head(pfn)) return false;
  }
  return pfn % n === 0;
}
