/**
 * Exact filters: accesses that hit in the first TLB level change nothing but the order of its entries, so that a stream may do without
 * those that leave the order as it is; they are added to the counts afterwards. Once filtered, a stream serves every core that the
 * filter is exact for.
 *
 * - "repeats" drops an access to the page of the access before it. Exact wherever the first level holds what a walk finds.
 * - "latest" drops an access to the page used last of all pages alike in their low four bits. Exact where the first level is LRU and
 *   chooses its set by at least those bits: not for entries larger than a base page, whose sets go by higher bits.
 * - "latest two" drops an access to one of the two pages used last as well. With two ways or more both are held, and only which
 *   of them came last matters to what follows: where that changed, one access is made after all when a third page comes, or a flush.
 *
 * All keep the first access of each kind to a page, since a store may have to set dirty and a fetch needs a right of its own.
 * None knows of faults: an access that faults leaves nothing behind to hit. {@link withDropped} refuses counts with faults.
 */
import { UserError } from "../../base/errors.ts";
import { AccessKind, type AccessWords, accessCount, LINE_LG2 } from "../access-words.ts";
import type { MmuCounts, MmuSpec } from "../simulate.ts";
import type { TlbArraySpec } from "../tlb.ts";

/** A filter by name; each drops more than the one before. */
export type FilterKind = "repeats" | "latest" | "latest two";

/** What a filter must know of the tables: log two of the base pages of every leaf that an access may come to. */
export interface LeafFacts {
  readonly leafLg2: readonly number[];
}

/** The best filter that is exact, and why not a better one. */
export interface FilterChoice {
  readonly kind: FilterKind | null;
  readonly whyNot: string | null;
  /** Whether fetches have an array of their own, and so an order of their own. */
  readonly split: boolean;
}

/** Classes of pages of the filter "latest": as many as the fewest sets that it is exact for. */
const CLASSES = 16;

/** Which filter is exact for a core over such tables. */
export function filterFor({ tlb }: Pick<MmuSpec, "tlb">, { leafLg2 }: LeafFacts): FilterChoice {
  const choice = (kind: FilterKind | null, whyNot: string | null, split = false) => ({ kind, whyNot, split });
  if (tlb.length === 0) return choice(null, "there is no TLB");
  const places: Place[] = [];
  for (const side of ["data", "fetch"] as const)
    for (const leaf of leafLg2) {
      const place = placeOf(tlb[0]!, side, leaf);
      if (place === null)
        return choice(null, `the first level holds no ${side} entry for leaves of ${pagesText(leaf)}`);
      places.push(place);
    }
  const split = new Set(places.map(({ array }) => array)).size > 1;
  const whyNot = places.map(whyNotLatest).find((why) => why !== null) ?? null;
  if (whyNot !== null) return choice("repeats", whyNot, split);
  const narrow = places.find(({ array }) => array.ways < 2);
  return narrow === undefined
    ? choice("latest two", null, split)
    : choice("latest", `${narrow.array.name} has one way`, split);
}

interface Place {
  readonly array: TlbArraySpec;
  readonly lg2: number;
}

/** Where the first level puts a leaf: its largest size that fits; see `tlb.ts`. */
function placeOf(arrays: readonly TlbArraySpec[], side: "data" | "fetch", leaf: number): Place | null {
  const fit = arrays
    .filter((array) => (array.for ?? "both") === "both" || array.for === side)
    .flatMap((array) => array.holds.filter((lg2) => lg2 <= leaf).map((lg2) => ({ array, lg2 })))
    .sort((a, b) => a.lg2 - b.lg2);
  return fit.at(-1) ?? null;
}

function whyNotLatest({ array, lg2 }: Place): string | null {
  const { name, sets, policy = "lru", coalesce = 0 } = array;
  if (policy !== "lru") return `${name} replaces by ${policy}, not LRU`;
  if (lg2 > 0) return `${name} holds entries of ${pagesText(lg2)}`;
  if (coalesce > 0) return `${name} holds runs of ${pagesText(coalesce)}`;
  return sets < CLASSES ? `${name} has ${sets} sets, fewer than ${CLASSES}` : null;
}

const pagesText = (lg2: number) => (lg2 === 0 ? "one page" : `${2 ** lg2} pages`);

/** What was used of the latest page: what a later access of each kind may be dropped for. */
const BY_KIND = Uint8Array.of(1, 3, 4, 1);
const NEEDS = Uint8Array.of(1, 2, 4, 1);

const NOTHING: AccessWords = new Uint32Array(0);

/** Filters a stream chunk by chunk; what was latest lasts from chunk to chunk. */
export class StreamFilter {
  readonly kind: FilterKind;
  /** Accesses dropped so far, less those made after all. */
  dropped = 0;
  readonly #shift: number;
  readonly #classMask: number;
  /** Where fetches have classes of their own. */
  readonly #fetchClass: number;
  readonly #two: boolean;
  /** By class: the page used last in two halves, and for what it was used; 0 is nothing. Then the same of the page before. */
  readonly #low = new Uint32Array(4 * CLASSES);
  readonly #high = new Uint32Array(4 * CLASSES);
  readonly #used = new Uint8Array(4 * CLASSES);
  /** By class: the dropped access that changed which of the two came last, if one did. */
  readonly #owed = new Uint32Array(4 * CLASSES);
  readonly #owes = new Uint8Array(2 * CLASSES);

  /** `choice` is what {@link filterFor} gave, or a weaker filter. */
  constructor({ kind, split }: Pick<FilterChoice, "kind" | "split">, pageLg2: number) {
    if (kind === null) throw new UserError("no filter is exact here");
    this.kind = kind;
    // The two bits of kind lie below the line.
    this.#shift = 2 + pageLg2 - LINE_LG2;
    this.#classMask = kind === "repeats" ? 0 : CLASSES - 1;
    this.#fetchClass = split && kind !== "repeats" ? CLASSES : 0;
    this.#two = kind === "latest two";
  }

  /** The accesses of a chunk that must be made, in order. */
  keep(words: AccessWords): AccessWords {
    const n = accessCount(words);
    // Each access is made at most once, so those of this chunk and those owed have room.
    const kept = new Uint32Array(words.length + this.#owed.length);
    const end = this.#two ? this.#runTwo(words, kept, n) : this.#runOne(words, kept, n);
    this.dropped += n - end / 2;
    return kept.subarray(0, end);
  }

  /** What must be made before a flush, or before the TLB is used by another stream; and nothing is latest any more. */
  settle(): AccessWords {
    this.#used.fill(0);
    const made: number[] = [];
    for (let c = 0; c < this.#owes.length; c++)
      if (this.#owes[c] !== 0) made.push(this.#owed[2 * c]!, this.#owed[2 * c + 1]!);
    this.#owes.fill(0);
    this.dropped -= made.length / 2;
    return made.length === 0 ? NOTHING : Uint32Array.from(made);
  }

  #runOne(words: AccessWords, kept: AccessWords, n: number): number {
    const [shift, classMask, fetchClass] = [this.#shift, this.#classMask, this.#fetchClass];
    const [lows, highs, used] = [this.#low, this.#high, this.#used];
    let to = 0;
    for (let i = 0; i < 2 * n; i += 2) {
      const low = words[i]!;
      const high = words[i + 1]!;
      const kind = low & 3;
      const page = low >>> shift;
      const at = (page & classMask) | (kind === AccessKind.fetch ? fetchClass : 0);
      if (lows[at] === page && highs[at] === high) {
        if (used[at]! & NEEDS[kind]!) continue;
        used[at] = used[at]! | BY_KIND[kind]!;
      } else {
        lows[at] = page;
        highs[at] = high;
        used[at] = BY_KIND[kind]!;
      }
      kept[to++] = low;
      kept[to++] = high;
    }
    return to;
  }

  #runTwo(words: AccessWords, kept: AccessWords, n: number): number {
    const [shift, fetchClass, owed, owes] = [this.#shift, this.#fetchClass, this.#owed, this.#owes];
    const [lows, highs, used] = [this.#low, this.#high, this.#used];
    let to = 0;
    for (let i = 0; i < 2 * n; i += 2) {
      const low = words[i]!;
      const high = words[i + 1]!;
      const kind = low & 3;
      const page = low >>> shift;
      const c = (page & (CLASSES - 1)) | (kind === AccessKind.fetch ? fetchClass : 0);
      const at = 2 * c;
      const isLatest = lows[at] === page && highs[at] === high && used[at] !== 0;
      if (isLatest && used[at]! & NEEDS[kind]!) continue;
      const isSecond = !isLatest && lows[at + 1] === page && highs[at + 1] === high && used[at + 1] !== 0;
      if (!isLatest) {
        const was = isSecond ? used[at + 1]! : 0;
        if (isSecond && was & NEEDS[kind]!) {
          owes[c] = owes[c]! ^ 1;
          owed[at] = low;
          owed[at + 1] = high;
        } else if (!isSecond && owes[c] !== 0) {
          kept[to++] = owed[at]!;
          kept[to++] = owed[at + 1]!;
          owes[c] = 0;
        }
        lows[at + 1] = lows[at]!;
        highs[at + 1] = highs[at]!;
        used[at + 1] = used[at]!;
        lows[at] = page;
        highs[at] = high;
        used[at] = was;
        if (was & NEEDS[kind]!) continue;
      }
      // An access that is made puts its page last, whatever was owed.
      used[at] = used[at]! | BY_KIND[kind]!;
      owes[c] = 0;
      kept[to++] = low;
      kept[to++] = high;
    }
    return to;
  }
}

/** The counts of the whole stream from those of the part that was kept. */
export function withDropped(counts: MmuCounts, dropped: number): MmuCounts {
  if (counts.faults > 0) throw new UserError(`no exact counts: ${counts.faults} accesses of the filtered stream fault`);
  const [first = 0, ...rest] = counts.tlbHits;
  return { ...counts, accesses: counts.accesses + dropped, tlbHits: [first + dropped, ...rest] };
}
