/**
 * Random programs on the simulated kernel beside their slow twin: a flat map from page to permission, value and guard for
 * each process. The twin knows no page tables, folios or VMAs.
 */
import { Kind } from "../../src/arch/entry.ts";
import { isGuard, pmdOrder } from "../../src/arch/format.ts";
import { formatNamed } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import type { Errno } from "../../src/mm/errno.ts";
import { access, permits } from "../../src/mm/fault.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel, type KernelSpec } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { swapOut } from "../../src/mm/swap-io.ts";
import { Vm } from "../../src/mm/vma.ts";
import { isSwapPte, swapPteAt } from "../../src/pgtable/softleaf.ts";
import { wrongs } from "./invariants.ts";

/** Values of the words at {@link OFFSETS}. */
type Words = readonly [number, number];

/** Frames of memory: enough for four processes, most of the time. */
const FRAMES = 2 ** 17;

const OFFSETS = [8, 4000] as const;
const ZEROS: Words = [0, 0];

interface Page {
  prot: number;
  /** Two words of the page. A write changes one, so the other must have been copied with the page. */
  value: Words;
  guard: boolean;
  dontfork: boolean;
  wipe: boolean;
}

interface Proc {
  readonly mm: Mm;
  readonly pages: Map<number, Page>;
}

const PROTS = [0, Vm.read, Vm.read | Vm.write, Vm.read | Vm.write, Vm.read | Vm.write, Vm.read | Vm.exec, Vm.write];
const KNOBS = ["always", "inherit", "madvise", "never"];

/** A machine under a random program. `step()` does one operation on model and twin and says where the two differ. */
export class World {
  readonly kernel: Kernel;
  readonly procs: Proc[];
  readonly log: string[] = [];
  readonly #rng: Random;
  readonly #guards: boolean;
  /**
   * The window of the address space in which everything happens: three huge pages and some more, or one with a good piece on
   * either side where a huge page has thousands.
   */
  readonly #base: number;
  readonly #pages: number;
  #value = 0;

  constructor(seed: number, spec: KernelSpec) {
    this.#rng = random(seed);
    this.kernel = new Kernel({ ...spec, contents: true, memory: FRAMES * 2 ** formatNamed(spec.arch).pageLg2 });
    this.#guards = this.kernel.profile.guards;
    const mm = new Mm(this.kernel);
    this.procs = [{ mm, pages: new Map() }];
    const huge = mm.pt.span[1]!;
    const large = huge > 1024;
    this.#base = large ? 2 ** 18 - huge - 340 : 2 ** 18 - 2 * huge - 40;
    this.#pages = large ? huge + 720 : 3 * huge + 90;
    if (seed % 2) this.#startHuge();
  }

  /** Every other program has huge pages from the start; chance alone makes few. */
  #startHuge(): void {
    this.kernel.thp.set("enabled", "always");
    const [p, end] = [this.procs[0]!, this.#base + this.#pages];
    mmap(p.mm, { start: this.#base, pages: this.#pages, flags: Vm.read | Vm.write });
    for (let v = this.#base; v < end; v++) p.pages.set(v, newPage(Vm.read | Vm.write));
    for (let v = this.#base; v < end; v += this.#rng.pick([5, 100, 600])) this.#writePage(p, v);
    this.log.push("huge pages everywhere");
  }

  /** One random operation, then every difference and every broken invariant. */
  step(): string[] {
    const p = this.#rng.pick(this.procs);
    const said = this.#operate(p);
    return [...said, ...this.procs.flatMap((proc) => this.#differences(proc)), ...this.#broken()];
  }

  #broken(): string[] {
    return wrongs(
      this.kernel,
      this.procs.map((p) => p.mm),
    );
  }

  /** The last operations, for a message. */
  story(): string {
    return this.log.slice(-15).join("\n");
  }

  /** Reads every page of every process by real accesses, with their faults. */
  readAll(): string[] {
    const out = this.procs.flatMap((p) => {
      const all = Array.from({ length: this.#pages }, (_, i) => this.#base + i);
      return all.flatMap((vpn) => this.#readPage(p, vpn));
    });
    return [...out, ...this.#broken()];
  }

  /** Ends all processes and says what they leave behind. */
  end(): string[] {
    for (const p of this.procs.splice(0)) exit(p.mm);
    const { frames, tables } = this.kernel;
    const zero = frames.used - 1;
    return [
      ...(tables.live === 0 ? [] : [`${tables.live} tables are left`]),
      ...(zero === 0 || zero === 2 ** this.kernel.format.indexLg2[0]! ? [] : [`${zero} frames are left`]),
    ];
  }

  #operate(p: Proc): string[] {
    const rng = this.#rng;
    switch (rng.below(18)) {
      case 0:
      case 1:
        return this.#mmap(p);
      case 2:
        return rng.below(2) ? this.#munmap(p) : [];
      case 3:
      case 4:
        return this.#mprotect(p);
      case 5:
      case 6:
      case 7:
      case 8:
        return this.#touch(p, rng.below(3) > 0);
      case 9:
        return rng.below(3) ? this.#knob() : this.#exit(p);
      case 10:
        return this.#fork(p);
      case 11:
        return this.#collapse(p);
      case 12:
        return this.#mremap(p);
      default:
        return this.#advise(p);
    }
  }

  /** Bounds near those of folios and tables are where things go wrong. */
  #range(): [number, number] {
    const rng = this.#rng;
    const huge = this.procs[0]!.mm.pt.span[1]!;
    const end = this.#base + this.#pages;
    const edge = () => this.#base + rng.below(this.#pages);
    const snap = (vpn: number) => vpn - (vpn % rng.pick([1, 1, 4, 16, 64, huge, huge]));
    const start = Math.max(this.#base, snap(edge()));
    const len = rng.pick([1, 2, 7, 16, 33, 64, 100, huge, huge, 2 * huge, this.#pages]);
    return [start, Math.min(end, start + len)];
  }

  #say(text: string, start: number, end: number): void {
    this.log.push(`${text} [${start - this.#base}, ${end - this.#base})`);
  }

  #expect(got: Errno | null, want: Errno | null): string[] {
    return got === want ? [] : [`${this.log.at(-1)} gave ${got}, the twin ${want}`];
  }

  #mmap(p: Proc): string[] {
    const [start, end] = this.#range();
    const prot = this.#rng.pick(PROTS);
    const populate = this.#rng.below(6) === 0;
    this.#say(`mmap prot ${prot}${populate ? " populate" : ""}`, start, end);
    const taken = this.#present(p, start, end).length > 0;
    const err = mmap(p.mm, { start, pages: end - start, flags: prot, populate });
    if (!taken) for (let v = start; v < end; v++) p.pages.set(v, newPage(prot));
    return this.#expect(err, taken ? "EEXIST" : null);
  }

  #munmap(p: Proc): string[] {
    const [start, end] = this.#range();
    this.#say("munmap", start, end);
    for (const v of this.#present(p, start, end)) p.pages.delete(v);
    return this.#expect(munmap(p.mm, start, end), null);
  }

  #mprotect(p: Proc): string[] {
    const [start, end] = this.#range();
    const prot = this.#rng.pick(PROTS);
    this.#say(`mprotect ${prot}`, start, end);
    const reach = this.#firstHole(p, start, end);
    for (let v = start; v < reach; v++) p.pages.get(v)!.prot = prot;
    return this.#expect(mprotect(p.mm, start, end, prot), reach < end ? "ENOMEM" : null);
  }

  #touch(p: Proc, write: boolean): string[] {
    const [start, end] = this.#range();
    const step = this.#rng.pick([1, 1, 3, 16, 50]);
    this.#say(`${write ? "write" : "read"} step ${step}`, start, end);
    const out: string[] = [];
    for (let v = start; v < end; v += step) out.push(...(write ? this.#writePage(p, v) : this.#readPage(p, v)));
    return out;
  }

  #writePage(p: Proc, vpn: number): string[] {
    const pfn = access(p.mm, vpn, true);
    const page = p.pages.get(vpn);
    const allowed = page !== undefined && !page.guard && (page.prot & Vm.write) !== 0;
    if (pfn >= 0 !== allowed) return [`a write of page ${vpn - this.#base} ${allowed ? "fails" : "goes through"}`];
    if (!allowed) return [];
    const [value, word] = [++this.#value, this.#rng.below(2)];
    page.value = word === 0 ? [value, page.value[1]] : [page.value[0], value];
    this.kernel.contents!.write(pfn, OFFSETS[word]!, value);
    return [];
  }

  #readPage(p: Proc, vpn: number): string[] {
    const pfn = access(p.mm, vpn, false);
    const page = p.pages.get(vpn);
    const allowed = page !== undefined && !page.guard && page.prot !== 0;
    if (pfn >= 0 !== allowed) return [`a read of page ${vpn - this.#base} ${allowed ? "fails" : "goes through"}`];
    if (!allowed) return [];
    const [got, want] = [`${this.#words(pfn)}`, `${page.value}`];
    return got === want ? [] : [`page ${vpn - this.#base} reads ${got} and not ${want}`];
  }

  #words(pfn: number): Words {
    const read = (offset: number) => Number(this.kernel.contents!.read(pfn, offset));
    return [read(OFFSETS[0]), read(OFFSETS[1])];
  }

  #fork(p: Proc): string[] {
    if (this.procs.length >= 4) return [];
    this.log.push(`fork of ${this.procs.indexOf(p)}`);
    const pages = new Map<number, Page>();
    for (const [vpn, page] of p.pages) {
      if (page.dontfork) continue;
      pages.set(vpn, page.wipe ? { ...page, value: ZEROS, guard: false } : { ...page });
    }
    this.procs.push({ mm: fork(p.mm), pages });
    return [];
  }

  #exit(p: Proc): string[] {
    if (this.procs.length < 2) return [];
    this.log.push(`exit of ${this.procs.indexOf(p)}`);
    exit(p.mm);
    this.procs.splice(this.procs.indexOf(p), 1);
    return [];
  }

  #knob(): string[] {
    const rng = this.#rng;
    const sizes = [2, 3, 4, 5, 6, 7, pmdOrder(this.kernel.format)].map(
      (order) => `hugepages-${2 ** (order + this.kernel.format.pageLg2 - 10)}kB/enabled`,
    );
    const [path, value] = rng.below(4)
      ? [rng.pick(sizes), rng.pick(KNOBS)]
      : rng.below(2)
        ? ["enabled", rng.pick(["always", "madvise", "never"])]
        : ["use_zero_page", rng.pick(["0", "1"])];
    this.log.push(`knob ${path} ${value}`);
    return this.#expect(this.kernel.thp.set(path, value), null);
  }

  /** Whether it succeeds is for recorded runs to say; whatever it does, no page may read otherwise. */
  #collapse(p: Proc): string[] {
    const [start, end] = this.#range();
    this.#say("collapse", start, end);
    madvise(p.mm, start, end, "collapse");
    return [];
  }

  /** Moves of equal length; what lay at the new place is gone, and the old place is, or is empty. */
  #mremap(p: Proc): string[] {
    const [start, end] = this.#range();
    const to = this.#range()[0];
    const dontunmap = this.#rng.below(4) === 0;
    const spec = { start, oldPages: end - start, newPages: end - start, to, dontunmap };
    this.#say(`mremap to ${to - this.#base}${dontunmap ? " dontunmap" : ""}`, start, end);
    const fits = to + (end - start) <= this.#base + this.#pages && (start >= to + (end - start) || to >= end);
    const whole = p.mm.vmas.at(start) !== undefined && p.mm.vmas.at(start)!.end >= end;
    // Moves of several VMAs, and those that fail half way, are held against recorded runs.
    if (!fits || !whole) return [];
    const moved = Array.from({ length: end - start }, (_, i) => ({ ...p.pages.get(start + i)! }));
    const err = mremap(p.mm, spec);
    for (const [i, page] of moved.entries()) {
      p.pages.set(to + i, page);
      if (dontunmap) Object.assign(p.pages.get(start + i)!, { value: ZEROS, guard: false });
      else p.pages.delete(start + i);
    }
    return this.#expect(err, null);
  }

  /** Nothing that a program can see. */
  #swapOut(p: Proc): string[] {
    const [start, end] = this.#range();
    this.#say("swap out", start, end);
    swapOut(p.mm, start, end);
    return [];
  }

  #advise(p: Proc): string[] {
    if (this.kernel.swap.total > 0 && this.#rng.below(3) === 0) return this.#swapOut(p);
    const [start, end] = this.#range();
    const picked = this.#rng.pick(ADVICE);
    // With swap, FREE may take what pages held, at any time later; without, nothing does.
    const advice = picked === "free" && this.kernel.swap.total > 0 ? "cold" : picked;
    this.#say(advice, start, end);
    return this.#expect(madvise(p.mm, start, end, advice), this.#adviseTwin(p, start, end, advice));
  }

  /** What the twin makes of advice: its pages change, and the error that a real kernel would give. */
  #adviseTwin(p: Proc, start: number, end: number, advice: string): Errno | null {
    if (advice.startsWith("populate")) return this.#populateTwin(p, start, end, advice);
    const present = this.#present(p, start, end);
    if (advice.endsWith("guard") && !this.#guards) return "EINVAL";
    for (const v of present) Object.assign(p.pages.get(v)!, EFFECTS[advice]);
    return present.length < end - start ? "ENOMEM" : null;
  }

  #populateTwin(p: Proc, start: number, end: number, advice: string): Errno | null {
    const need = advice === "populate_write" ? Vm.write : Vm.read;
    for (let v = start; v < end; v++) {
      const page = p.pages.get(v);
      if (page === undefined) return "ENOMEM";
      if (!(page.prot & need)) return "EINVAL";
      if (page.guard) return "EFAULT";
    }
    return null;
  }

  #present(p: Proc, start: number, end: number): number[] {
    const out: number[] = [];
    for (let v = start; v < end; v++) if (p.pages.has(v)) out.push(v);
    return out;
  }

  #firstHole(p: Proc, start: number, end: number): number {
    for (let v = start; v < end; v++) if (!p.pages.has(v)) return v;
    return end;
  }

  /** Compares without a single access: what VMAs and entries say of each page against what the twin says. */
  #differences(p: Proc): string[] {
    const out: string[] = [];
    for (let v = this.#base; v < this.#base + this.#pages; v++) {
      const page = p.pages.get(v);
      const want =
        page === undefined ? "unmapped" : view(page.guard, page.prot !== 0, page.prot & Vm.write, page.value);
      const got = this.#viewOf(p.mm, v);
      if (got !== want)
        out.push(`process ${this.procs.indexOf(p)} page ${v - this.#base}: ${got}, the twin has ${want}`);
    }
    return out.slice(0, 5);
  }

  #viewOf(mm: Mm, vpn: number): string {
    const vma = mm.vmas.at(vpn);
    if (vma === undefined) return "unmapped";
    const { guard, value } = this.#look(mm, vpn);
    return view(guard, permits(vma, false), Number(permits(vma, true)), value);
  }

  /** The entry for a page, by software and without a trace. */
  #look(mm: Mm, vpn: number): { guard: boolean; value: Words } {
    const { pt } = mm;
    for (let level = 0; level < pt.levels; level++) {
      const slot = pt.find(vpn, level);
      if (slot < 0) continue;
      if (level === 0 && isSwapPte(pt, slot)) {
        const { offset } = swapPteAt(pt, slot);
        const word = (at: number) => Number(this.kernel.swap.peek(offset, at));
        return { guard: false, value: [word(OFFSETS[0]), word(OFFSETS[1])] };
      }
      if (pt.kind(slot, level) === Kind.softleaf)
        return { guard: isGuard(pt.format, pt.lo(slot), pt.hi(slot)), value: ZEROS };
      if (pt.kind(slot, level) !== Kind.leaf) return { guard: false, value: ZEROS };
      const pfn = pt.pfn(slot, level) + (vpn % pt.span[level]!);
      return { guard: false, value: this.#words(pfn) };
    }
    return { guard: false, value: ZEROS };
  }
}

const ADVICE = [
  "dontneed",
  "dontneed",
  "free",
  "cold",
  "guard",
  "guard",
  "unguard",
  "populate_read",
  "populate_write",
  "hugepage",
  "nohugepage",
  "dontfork",
  "dofork",
  "wipeonfork",
  "keeponfork",
];

/** What advice does to a page of the twin; what is not listed changes nothing that a program can see. */
const EFFECTS: Readonly<Record<string, Partial<Page>>> = {
  dontneed: { value: ZEROS },
  guard: { value: ZEROS, guard: true },
  unguard: { guard: false },
  dontfork: { dontfork: true },
  dofork: { dontfork: false },
  wipeonfork: { wipe: true },
  keeponfork: { wipe: false },
};

function newPage(prot: number): Page {
  return { prot, value: ZEROS, guard: false, dontfork: false, wipe: false };
}

function view(guard: boolean, read: boolean, write: number, value: Words): string {
  return `${guard ? "guard" : ""}${read ? "r" : ""}${write ? "w" : ""}=${value}`;
}
