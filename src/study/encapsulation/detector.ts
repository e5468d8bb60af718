/**
 * Looks at everything after each step: the tables, what TLBs may hold, what hardware has noted, and the stack. Each failure is
 * found where it lies. It reads raw words and changes nothing that the program sees.
 */
import { A, attrText, Kind } from "../../arch/entry.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import type { KernelStack } from "../../pgtable/raw-access.ts";
import { visit } from "../../pgtable/visit.ts";
import { type Finding, findingAt, vaText, wordOf } from "./finding.ts";
import { covers, type Hardware, type Held } from "./hardware.ts";

const NOTES = A.young | A.dirty;

/** What is looked at. `start` and `end` bound the pages that the program uses. */
export interface Scene {
  readonly pt: PageTable;
  readonly hardware: Hardware;
  readonly stack: KernelStack;
  readonly start: number;
  readonly end: number;
}

/** Finds failures as they arise: one that stands is reported once, until it is gone and comes again. */
export class Detector {
  readonly #scene: Scene;
  #standing = new Set<string>();
  #judged: Finding[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Software has decided something by what it took an entry to say; what hardware noted and it did not see is lost. */
  judge(vpn: number, slot: number, said: number, asked: number): void {
    const { hardware } = this.#scene;
    const missed = (hardware.noted.get(vpn) ?? 0) & asked & ~said;
    if (missed !== 0) this.#judged.push(this.#lost(vpn, slot, missed, "software took it for"));
    hardware.acknowledge(vpn, missed);
  }

  /** Failures that are new since the last call. `installing` is the page of an install in this step, or -1. */
  check(installing: number): Finding[] {
    const once = [...this.#judged, ...this.#lostNotes(), ...this.#stackDamage(installing)];
    this.#judged = [];
    const standing = [...this.#brokenBlocks(), ...this.#staleTranslations(), ...this.#conflicts()];
    const key = (f: Finding) => `${f.failure} ${f.va} ${f.slot}`;
    const fresh = standing.filter((f) => !this.#standing.has(key(f)));
    this.#standing = new Set(standing.map(key));
    return [...once, ...fresh];
  }

  /** Notes of hardware that are neither in the tables nor were taken into account. */
  #lostNotes(): Finding[] {
    const { pt, hardware } = this.#scene;
    const found: Finding[] = [];
    const blocks = new Map<number, number>();
    for (const [vpn, bits] of [...hardware.noted]) {
      const slot = pt.find(vpn, 0);
      const missing = bits & ~shownFor(pt, slot, blocks);
      if (missing === 0) continue;
      found.push(this.#lost(vpn, slot, missing, "its entry says"));
      hardware.acknowledge(vpn, missing);
    }
    return found;
  }

  #lost(vpn: number, slot: number, missing: number, who: string): Finding {
    const { pt, hardware } = this.#scene;
    const raced = ((hardware.raced.get(vpn) ?? 0) & missing) !== 0;
    const words = missing & A.dirty ? ["clean", "written"] : ["old", "accessed"];
    const expected = `${who} ${words[0]}, but the page was ${words[1]}`;
    return findingAt(pt, raced ? "racing store" : "lost on block", { vpn, level: 0, slot }, expected);
  }

  /** One finding for all that one call has done to the stack. */
  #stackDamage(installing: number): Finding[] {
    const { pt, stack } = this.#scene;
    const damage = stack.damage();
    const first = damage[0];
    if (first === undefined) return [];
    const expected = `${wordOf(first.wantLo, first.wantHi)}, as its owner left it; ${damage.length} words were rewritten`;
    const word = wordOf(first.lo, first.hi);
    return [{ failure: "stray pointer", va: vaText(pt, installing), level: -1, slot: first.slot, word, expected }];
  }

  /** Blocks of every level of which some entry has the bit and another does not belong: one finding for each. */
  #brokenBlocks(): Finding[] {
    const { pt, start, end } = this.#scene;
    const found: Finding[] = [];
    const look = (slot: number, level: number, vpn: number): number => {
      const n = isValidCont(pt, slot, level) ? 2 ** pt.format.contLg2[level]! : 1;
      if (n > 1 && !isWholeBlock(pt, slot, level)) {
        const expected = `all ${n} entries of its block alike, or no contiguous bit (${attrText(pt.attrs(slot, level))})`;
        found.push(findingAt(pt, "leaked contiguous bit", { vpn, level, slot }, expected));
      }
      return n - (slot % n);
    };
    visit(pt, start, end, {
      huge: look,
      ptes: (slot, vpn, nr) => {
        for (let i = 0; i < nr; ) i += look(slot + i, 0, vpn + i);
      },
    });
    return found;
  }

  /** Held translations of which some page is mapped otherwise by now, or with less permission. */
  #staleTranslations(): Finding[] {
    return this.#scene.hardware.held.flatMap((h) => this.#stalePage(h) ?? []);
  }

  #stalePage(h: Held): Finding | null {
    const { pt } = this.#scene;
    const first = pt.find(h.vpn, 0);
    for (let i = 0; i < h.pages; i++) {
      if (agrees(pt, first + i, h, h.vpn + i)) continue;
      const expected = `frame ${h.pfn + i}${h.write ? ", writable" : ""}, as a translation of ${h.pages} pages says`;
      return findingAt(pt, "stale translation", { vpn: h.vpn + i, level: 0, slot: first + i }, expected);
    }
    return null;
  }

  #conflicts(): Finding[] {
    const { pt, hardware } = this.#scene;
    const small = hardware.held.filter((h) => h.pages === 1);
    const large = hardware.held.filter((h) => h.pages > 1);
    return small.flatMap(({ vpn }) => {
      const other = large.find((h) => covers(h, vpn));
      if (other === undefined) return [];
      const expected = `one size at a time, but translations of 1 and of ${other.pages} pages may be held`;
      return findingAt(pt, "size conflict", { vpn, level: 0, slot: pt.find(vpn, 0) }, expected);
    });
  }
}

/** A PROT_NONE entry may carry the bit of a block that is gone: hardware does not look at it. */
function isValidCont(pt: PageTable, slot: number, level: number): boolean {
  if (pt.format.contLg2[level] === 0 || pt.kind(slot, level) !== Kind.leaf) return false;
  return (pt.attrs(slot, level) & (A.cont | A.protnone)) === A.cont;
}

/** Whether all entries around this one, as many as a block has, say the same of consecutive frames. */
export function isWholeBlock(pt: PageTable, slot: number, level: number): boolean {
  const n = 2 ** pt.format.contLg2[level]!;
  const first = slot - (slot % n);
  const pfn = pt.pfn(slot, level) - (slot - first) * pt.span[level]!;
  const attrs = pt.attrs(slot, level);
  if (pfn % (n * pt.span[level]!) !== 0) return false;
  for (let i = 0; i < n; i++) {
    const at = first + i;
    if (pt.kind(at, level) !== Kind.leaf || pt.pfn(at, level) !== pfn + i * pt.span[level]!) return false;
    if ((pt.attrs(at, level) ^ attrs) & ~NOTES) return false;
  }
  return true;
}

/** Accessed and dirty that a right reader sees for an entry: those of its block where it has one. `blocks` remembers them. */
function shownFor(pt: PageTable, slot: number, blocks: Map<number, number>): number {
  if (slot < 0 || pt.kind(slot, 0) !== Kind.leaf) return 0;
  if (!isValidCont(pt, slot, 0)) return pt.attrs(slot) & NOTES;
  const n = 2 ** pt.format.contLg2[0]!;
  const first = slot - (slot % n);
  const known = blocks.get(first);
  if (known !== undefined) return known;
  let seen = 0;
  for (let i = first; i < first + n; i++) if (pt.kind(i, 0) === Kind.leaf) seen |= pt.attrs(i) & NOTES;
  blocks.set(first, seen);
  return seen;
}

function agrees(pt: PageTable, slot: number, h: Held, vpn: number): boolean {
  if (pt.kind(slot, 0) !== Kind.leaf || pt.attrs(slot) & A.protnone) return false;
  return pt.pfn(slot) === h.pfn + (vpn - h.vpn) && (!h.write || (pt.attrs(slot) & A.write) !== 0);
}
