/**
 * Random op scripts over the whole grammar: what a person would not think of writing. One seed and number, one script.
 *
 * Scripts only ask for what a recorder can do: regions that are there, processes that live, at most eight of them. Two things
 * that Linux allows are never asked for, because their outcome depends on when they happen: `enabled never` (to leave it
 * again starts a scan of khugepaged), and no huge pages of the largest size at all, which is the same by another name.
 */
import { oneOf } from "../../base/errors.ts";
import { type Random, random } from "../../base/random.ts";
import { KiB, MiB } from "../../base/size.ts";

/** What random scripts may use. `base` is map, touch, peek, protect, dontneed, unmap and mincore, and is always there. */
export const FEATURES = [
  /** MADV_GUARD_INSTALL and _REMOVE. */
  "guard",
  /** MADV_POPULATE_READ and _WRITE, MAP_POPULATE. */
  "populate",
  /** VMAs advised to be huge. */
  "thp",
  /** A smaller size of anonymous folio, enabled from the start. */
  "mthp",
  /** Several processes. */
  "fork",
  /** mremap to another place with the same length. */
  "remap",
  /** mremap that grows, shrinks, leaves the old VMA, or lands on a region that is there. */
  "grow",
  "collapse",
  /** MADV_FREE and MADV_COLD. */
  "lazy",
  "pageout",
  /** MADV_WILLNEED, MERGEABLE, UNMERGEABLE, DONTNEED_LOCKED. */
  "advice",
  /** MADV_DONTFORK, DOFORK, WIPEONFORK, KEEPONFORK. */
  "forkflags",
  /** Permissions none, x, rx, rwx, w. */
  "prot",
  /** Touches in steps other than a page, and values. */
  "step",
  /** Knobs turned in mid-script. */
  "knobs",
  /** Offsets and lengths that are no whole pages, or lead beyond the region; a name mapped again; noreserve. */
  "odd",
  "shared",
  "lock",
] as const;

/** One of {@link FEATURES}. */
export type Feature = (typeof FEATURES)[number];

/** The features that a list names: `all`, `base`, names, and `-name` to leave one out. */
export function parseFeatures(text: string): Feature[] {
  const words = text.split(",").filter((w) => w !== "");
  const out = new Set<Feature>(words.every((w) => w.startsWith("-")) ? FEATURES : []);
  for (const word of words) {
    if (word === "all") for (const feature of FEATURES) out.add(feature);
    else if (word.startsWith("-")) out.delete(oneOf("feature", word.slice(1), FEATURES));
    else if (word !== "base") out.add(oneOf("feature", word, FEATURES));
  }
  return FEATURES.filter((f) => out.has(f));
}

/** Which random script. */
export interface RandomScriptSpec {
  readonly seed: number;
  /** Scripts of one seed are told apart by their number. Default 0. */
  readonly number?: number;
  /** Operations after the first regions are mapped. Default 30. */
  readonly ops?: number;
  /** Bytes of a base page. Default 4096. */
  readonly page?: number;
  /** Default: all. */
  readonly features?: readonly Feature[];
}

/** The text of a random script. */
export function randomScript(spec: RandomScriptSpec): string {
  const { seed, number = 0, ops = 30, page = 4096, features = FEATURES } = spec;
  const writer = new Writer(random((Math.imul(seed, 0x9e3779b1) + number) >>> 0), page, new Set(features));
  return `# random script: seed ${seed}, number ${number}\n${writer.write(ops)}`;
}

/** Where region number n lies: the slots of the recorder, 512 GiB each. */
const SLOT = { base: 0x200000000000, size: 0x8000000000 };
const NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** The last name is kept for a VMA that comes late. */
const LATE = NAMES.length - 1;
const MAX_REMAPS = 10;
const MAX_PROCESSES = 8;
const MAX_LIVE = 4;

/** Lengths of regions, in pages: those that fill blocks and tables of 4K pages; a 16K kernel gets the same numbers. */
const REGION_PAGES = [16, 64, 256, 512, 1024, 1536, 2048];

type Part = { name: string; start: number; pages: number };

class Writer {
  readonly #random: Random;
  readonly #page: number;
  readonly #has: ReadonlySet<Feature>;
  readonly #lines: string[] = [];
  readonly #regions = new Map<string, number>();
  readonly #menu: ((name: string) => string)[] = [];
  readonly #thp: boolean;
  readonly #odd: boolean;
  #live = [0];
  #processes = 1;
  #remaps = 0;
  /** What stands before an operation: "@2 ", or nothing for process 0. */
  #who = "";

  constructor(source: Random, page: number, has: ReadonlySet<Feature>) {
    this.#random = source;
    this.#page = page;
    this.#has = has;
    this.#thp = has.has("thp") && this.#oneIn(2);
    this.#odd = has.has("odd") && this.#oneIn(3);
    this.#fillMenu();
  }

  write(ops: number): string {
    if (this.#has.has("mthp") && this.#oneIn(2)) this.#add(`knob ${this.#sizeKnob()} always`);
    this.#map("A");
    if (this.#oneIn(2)) this.#map("B");
    for (let i = 0; i < ops; i++) this.#step();
    return `${this.#lines.join("\n")}\n`;
  }

  #step(): void {
    const process = this.#pick(this.#live);
    this.#who = process === 0 ? "" : `@${process} `;
    if (this.#has.has("fork") && this.#oneIn(12) && this.#forkOrExit()) return;
    if (this.#has.has("remap") && this.#oneIn(14) && this.#remaps < MAX_REMAPS) return this.#remap();
    if (this.#has.has("knobs") && this.#oneIn(25)) return this.#add(this.#knob());
    if (this.#oneIn(30) && !this.#regions.has(NAMES[LATE]!)) return this.#map(NAMES[LATE]!);
    if (this.#odd && this.#oneIn(30)) return this.#map(this.#name());
    this.#add(this.#pick(this.#menu)(this.#name()));
  }

  #fillMenu(): void {
    const add = (weight: number, make: (name: string) => string) => {
      for (let i = 0; i < weight; i++) this.#menu.push(make);
    };
    const advise = (weight: number, ...advice: string[]) =>
      add(weight, (name) => `${this.#pick(advice)} ${this.#range(name)}`);
    const has = (feature: Feature) => this.#has.has(feature);
    add(9, (name) => `touch ${this.#range(name)}${this.#stride()}`);
    add(2, (name) => `touch ${this.#range(name)} r${this.#stride()}`);
    add(2, (name) => `touch ${this.#range(name)} val=${this.#oneIn(4) ? 0 : 2 + this.#below(50)}${this.#stride()}`);
    add(1, (name) => `peek ${this.#range(name)}`);
    add(4, (name) => `protect ${this.#range(name)} ${this.#prot()}`);
    advise(3, "dontneed");
    advise(2, "unmap");
    advise(1, "mincore");
    if (has("guard")) advise(6, "guard", "guard", "unguard");
    if (has("populate")) advise(3, "populate_write", "populate_write", "populate_read");
    if (has("lazy")) advise(4, "free", "cold");
    if (has("pageout")) advise(2, "pageout");
    if (has("advice")) advise(3, "willneed", "mergeable", "unmergeable", "dontneed_locked", "dontneed_locked");
    if (has("forkflags")) advise(2, "dontfork", "dofork", "wipeonfork", "keeponfork");
    if (has("collapse")) advise(2, "collapse");
    if (has("lock")) advise(2, "lock", "unlock");
    if (this.#thp) advise(2, "hugepage", "hugepage", "nohugepage");
  }

  #forkOrExit(): boolean {
    if (this.#live.length > 1 && this.#oneIn(2)) {
      const [gone] = this.#live.splice(this.#below(this.#live.length), 1);
      this.#lines.push(`${gone === 0 ? "" : `@${gone} `}exit`);
      return true;
    }
    if (this.#processes === MAX_PROCESSES || this.#live.length === MAX_LIVE) return false;
    this.#add("fork");
    this.#live.push(this.#processes++);
    return true;
  }

  #map(name: string): void {
    const pages = this.#pick(REGION_PAGES) + (this.#oneIn(3) ? this.#below(40) : 0);
    this.#regions.set(name, pages);
    const bytes = pages * this.#page;
    const size = this.#odd && this.#oneIn(4) ? `${bytes - this.#below(this.#page)}` : this.#size(pages);
    const words = [`map ${name} ${size} at=${this.#address(name)}`];
    if (this.#has.has("shared") && this.#oneIn(6)) words.push("shared");
    if (this.#oneIn(this.#has.has("prot") ? 2 : 4)) words.push(`prot=${this.#mapProt()}`);
    if (this.#has.has("populate") && this.#oneIn(12)) words.push("populate");
    if (this.#odd && this.#oneIn(4)) words.push("noreserve");
    this.#add(words.join(" "));
    if (this.#thp && !this.#oneIn(3)) this.#add(`hugepage ${name}`);
  }

  #mapProt(): string {
    return this.#has.has("prot") ? this.#pick(["r", "rx", "rwx", "none", "w", "x"]) : "r";
  }

  #prot(): string {
    const common = ["r", "r", "rw", "rw", "rw", "none"];
    return this.#pick(this.#has.has("prot") ? [...common, "rx", "rwx", "x", "w"] : common);
  }

  /** A few pages into the name's slot, or at its very start: aligned or not. */
  #address(name: string): string {
    const offset = this.#oneIn(3) ? this.#below(600) : 0;
    return `0x${(SLOT.base + NAMES.indexOf(name) * SLOT.size + offset * this.#page).toString(16)}`;
  }

  #remap(): void {
    const { name, start, pages } = this.#part(this.#name());
    let to = NAMES[2 + this.#remaps]!;
    let [newPages, word] = [pages, ""];
    if (this.#has.has("grow")) {
      if (this.#oneIn(3)) newPages = Math.max(1, pages + this.#pick([1, 16, 512, -1, -16, -Math.floor(pages / 2)]));
      else if (this.#oneIn(4)) word = " dontunmap";
      if (this.#oneIn(8)) to = this.#name();
    }
    if (to === NAMES[2 + this.#remaps]) this.#remaps++;
    const len = this.#odd && this.#oneIn(6) ? `${pages * this.#page - this.#below(this.#page)}` : this.#size(pages);
    const from = `${name} ${this.#size(start)} ${len}`;
    this.#add(`remap ${from} ${this.#size(newPages)} ${to} at=${this.#address(to)}${word}`);
    this.#regions.set(to, newPages);
  }

  #knob(): string {
    const kinds = [
      () => `${this.#sizeKnob()} ${this.#pick(["always", "always", "madvise", "inherit"])}`,
      () => `${this.#sizeKnob()} ${this.#pick(["always", "always", "madvise", "inherit"])}`,
      () => `enabled ${this.#pick(["always", "madvise"])}`,
      () => `use_zero_page ${this.#below(2)}`,
      () => `defrag ${this.#pick(["always", "defer", "defer+madvise", "madvise", "never", "alway"])}`,
      () => `${this.#pick(["hpage_pmd_size", "nothing", "hugepages-3kB/enabled"])} ${this.#pick(["0", "1", "x"])}`,
    ];
    return `knob ${this.#pick(kinds)()}`;
  }

  /** The knob of a size of folio from four pages to what a PMD entry maps, those around a contiguous block most often. */
  #sizeKnob(): string {
    const pmdLg2 = Math.log2(this.#page) - 3;
    const order = this.#oneIn(2) ? this.#pick([4, 4, 5, Math.min(7, pmdLg2)]) : 2 + this.#below(pmdLg2 - 1);
    return `hugepages-${(this.#page * 2 ** order) / KiB}kB/enabled`;
  }

  #stride(): string {
    if (!this.#has.has("step") || !this.#oneIn(5)) return "";
    return ` step=${this.#pick(["8K", "64K", "2K", "100", "4088", "12K", "0x5000", "2M", "32772"])}`;
  }

  /** `NAME OFF LEN`, in an odd script sometimes with another number of bytes or without them. */
  #range(name: string): string {
    const { start, pages } = this.#part(name);
    const [off, len] = [this.#size(start), this.#size(pages)];
    if (!this.#odd || !this.#oneIn(4)) return `${name} ${off} ${len}`;
    const [offBytes, lenBytes] = [start * this.#page, pages * this.#page];
    const odd = [
      () => `${off} ${lenBytes - this.#below(this.#page)}`,
      () => `${offBytes + this.#below(this.#page)} ${len}`,
      () => `${off} ${this.#size(pages + this.#below(600))}`,
      () => `${off} 0`,
      () => `${off} end`,
      () => off,
      () => "",
      () => `${offBytes + this.#below(this.#page)} ${1 + this.#below(2 * this.#page)}`,
    ];
    return `${name} ${this.#pick(odd)()}`.trimEnd();
  }

  /** A part of a region whose start and length are often round: what is round shares blocks, folios and tables. */
  #part(name: string): Part {
    const total = this.#regions.get(name)!;
    const unit = this.#pick([1, 1, 4, 16, 16, 64, 128, 512]);
    const at = this.#below(Math.max(1, Math.ceil(total / unit))) * unit;
    const start = at < total ? at : 0;
    const length = this.#pick([1, 1, 2, unit, unit, unit * 2, unit * 4, total]) + (this.#oneIn(4) ? this.#below(9) : 0);
    return { name, start, pages: Math.max(1, Math.min(length, total - start)) };
  }

  #size(pages: number): string {
    const bytes = pages * this.#page;
    return bytes > 0 && bytes % MiB === 0 ? `${bytes / MiB}M` : `${bytes / KiB}K`;
  }

  #name(): string {
    return this.#pick([...this.#regions.keys()]);
  }

  #add(line: string): void {
    this.#lines.push(`${this.#who}${line}`);
  }

  #oneIn(n: number): boolean {
    return this.#below(n) === 0;
  }

  #below(n: number): number {
    return this.#random.below(n);
  }

  #pick<T>(list: readonly T[]): T {
    return this.#random.pick(list);
  }
}
