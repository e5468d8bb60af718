/**
 * Exact filters: accesses that hit the latest entry of their set in the first TLB level change nothing there, so that a stream may
 * do without them; they are added to the counts afterwards. Once filtered, a stream serves every core that the filter is exact for.
 *
 * - "repeats" drops an access to the page of the access before it. Exact wherever the first level holds what a walk finds.
 * - "latest" drops an access to the page that was used last of all pages alike in their low four bits. Exact where the first level is
 *   LRU and chooses its set by at least those bits: not for entries larger than a base page, whose sets go by higher bits.
 *
 * Both keep the first access of each kind to a page, since a store may have to set dirty and a fetch needs a right of its own.
 * Neither knows of faults: an access that faults leaves nothing behind to hit. {@link withDropped} refuses counts with faults.
 */
import { UserError } from "../../base/errors.ts";
import { type AccessWords, accessCount, LINE_LG2 } from "../access-words.ts";
import type { MmuCounts, MmuSpec } from "../simulate.ts";
import type { TlbArraySpec } from "../tlb.ts";

/** A filter by name; "latest" drops more. */
export type FilterKind = "repeats" | "latest";

/** What a filter must know of the tables: log two of the base pages of every leaf that an access may come to. */
export interface LeafFacts {
  readonly leafLg2: readonly number[];
}

/** The best filter that is exact, and why not a better one. */
export interface FilterChoice {
  readonly kind: FilterKind | null;
  readonly whyNot: string | null;
}

/** Classes of pages of the filter "latest": as many as the fewest sets that it is exact for. */
const CLASSES = 16;

/** Which filter is exact for a core over such tables. */
export function filterFor({ tlb }: Pick<MmuSpec, "tlb">, { leafLg2 }: LeafFacts): FilterChoice {
  const none = (whyNot: string): FilterChoice => ({ kind: null, whyNot });
  if (tlb.length === 0) return none("there is no TLB");
  const places: Place[] = [];
  for (const side of ["data", "fetch"] as const)
    for (const leaf of leafLg2) {
      const place = placeOf(tlb[0]!, side, leaf);
      if (place === null) return none(`the first level holds no ${side} entry for leaves of ${pagesText(leaf)}`);
      places.push(place);
    }
  const whyNot = places.map(whyNotLatest).find((why) => why !== null) ?? null;
  return { kind: whyNot === null ? "latest" : "repeats", whyNot };
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

/** Filters a stream chunk by chunk; what was latest lasts from chunk to chunk. */
export class StreamFilter {
  readonly kind: FilterKind;
  /** Accesses dropped so far. */
  dropped = 0;
  readonly #shift: number;
  readonly #classMask: number;
  /** By class: the page of the latest access in two halves, and what was used of it; 0 is nothing. */
  readonly #low = new Uint32Array(CLASSES);
  readonly #high = new Uint32Array(CLASSES);
  readonly #used = new Uint8Array(CLASSES);

  constructor(kind: FilterKind, pageLg2: number) {
    this.kind = kind;
    // The two bits of kind lie below the line.
    this.#shift = 2 + pageLg2 - LINE_LG2;
    this.#classMask = kind === "latest" ? CLASSES - 1 : 0;
  }

  /** The accesses of a chunk that must be made, in order. */
  keep(words: AccessWords): AccessWords {
    const n = accessCount(words);
    const kept = new Uint32Array(words.length);
    const end = this.#run(words, kept, n);
    this.dropped += n - end / 2;
    return kept.subarray(0, end);
  }

  /** Forgets what was latest: due whenever the TLB is flushed. */
  restart(): void {
    this.#used.fill(0);
  }

  #run(words: AccessWords, kept: AccessWords, n: number): number {
    const [shift, classMask, lows, highs, used] = [this.#shift, this.#classMask, this.#low, this.#high, this.#used];
    let to = 0;
    for (let i = 0; i < 2 * n; i += 2) {
      const low = words[i]!;
      const high = words[i + 1]!;
      const kind = low & 3;
      const page = low >>> shift;
      const at = page & classMask;
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
}

/** The counts of the whole stream from those of the part that was kept. */
export function withDropped(counts: MmuCounts, dropped: number): MmuCounts {
  if (counts.faults > 0) throw new UserError(`no exact counts: ${counts.faults} accesses of the filtered stream fault`);
  const [first = 0, ...rest] = counts.tlbHits;
  return { ...counts, accesses: counts.accesses + dropped, tlbHits: [first + dropped, ...rest] };
}
