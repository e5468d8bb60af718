/**
 * The coding of accesses inside a block of a `.ptt` file, before it is deflated: one byte for each access, and a few more for a line
 * that is not among the {@link RECENT} latest ones.
 *
 * A byte is `place << 2 | kind`. The place is that in the list of lines by last use, latest first: a loop over many arrays gives
 * the same places at every turn, wherever the arrays are, which is what deflate needs to find it. Place {@link FAR} is a line not
 * in the list. Those stand apart, behind the bytes of all accesses: the place of the line in the list that is nearest, and the distance
 * from there, low six bits with the sign below them first, then seven bits a byte, the top bit saying that more follow.
 *
 * Measured on a sort's data accesses, bytes each after deflate: differences of neighbours 0.62, slots of a table with LRU or clock
 * replacement 0.43 to 0.52, guesses from hashes of the latest lines 0.64, this 0.21.
 */
import { broken } from "../../base/errors.ts";
import type { AccessWords } from "../../mmu/access-words.ts";

/** Lines in the list. All are line 0 at a block's start. */
export const RECENT = 63;
/** The place of a line that is not in the list. */
export const FAR = 63;
/** Bytes that one access can take: its own, the nearest place, and 55 bits of distance. */
export const MAX_CODED = 10;

const LOW_LINE_SPAN = 2 ** 30;
const HIGH_SPAN = 2 ** 23;
const MAX_LINE = 2 ** 53 - 1;

/**
 * Lines by last use. What moves in the list is one byte a line, the number of the slot that holds it, and four bytes move at once:
 * that halves the time to decode.
 */
class Recent {
  /** Four places to an element, the latest lowest. */
  readonly order = Int32Array.from({ length: 16 }, (_, i) => 0x03020100 + i * 0x04040404);
  /** The two halves of an access word of kind 0. */
  readonly low = new Int32Array(RECENT);
  readonly high = new Int32Array(RECENT);

  slot(place: number): number {
    return (this.order[place >> 2]! >>> ((place & 3) << 3)) & 255;
  }

  line(place: number): number {
    const slot = this.slot(place);
    return this.high[slot]! * LOW_LINE_SPAN + (this.low[slot]! >>> 2);
  }

  placeOf(low: number, high: number): number {
    for (let place = 0; place < RECENT; place++) {
      const slot = this.slot(place);
      if (this.low[slot] === low && this.high[slot] === high) return place;
    }
    return FAR;
  }

  /** The place of the line that is nearest, the latest of several. */
  nearest(line: number): number {
    let best = 0;
    let least = Infinity;
    for (let place = 0; place < RECENT; place++) {
      const distance = Math.abs(line - this.line(place));
      if (distance >= least) continue;
      best = place;
      least = distance;
    }
    return best;
  }

  /** Makes a new line the latest, and returns its slot; the one not used for longest leaves. */
  enter(low: number, high: number): number {
    const slot = toFront(this.order, RECENT - 1);
    this.low[slot] = low;
    this.high[slot] = high;
    return slot;
  }
}

/** Makes the line at a place the latest, and returns its slot. */
function toFront(order: Int32Array, place: number): number {
  const element = place >> 2;
  const shift = (place & 3) << 3;
  const last = order[element]!;
  const slot = (last >>> shift) & 255;
  let moved = slot;
  for (let i = 0; i < element; i++) {
    const four = order[i]!;
    order[i] = (four << 8) | moved;
    moved = four >>> 24;
  }
  order[element] = insertBelow(last, shift, moved);
  return slot;
}

/** Four places with the one at `shift` taken out and another put in as the lowest. */
function insertBelow(four: number, shift: number, slot: number): number {
  return (four & (-2 << (shift + 7))) | ((four & ~(-1 << shift)) << 8) | slot;
}

/** The coded bytes of accesses. */
export function encodeBlock(words: AccessWords): Uint8Array {
  const n = words.length / 2;
  const out = new Uint8Array(n * MAX_CODED);
  const recent = new Recent();
  let end = n;
  for (let i = 0; i < n; i++) {
    const kind = words[2 * i]! & 3;
    const low = (words[2 * i]! - kind) | 0;
    const high = words[2 * i + 1]!;
    if (high >= HIGH_SPAN || kind === 3) broken(`access ${i} is of kind ${kind}, or its line is beyond 2^53`);
    const place = recent.placeOf(low, high);
    out[i] = (place << 2) | kind;
    if (place !== FAR) toFront(recent.order, place);
    else {
      end = putDistance(out, end, recent, high * LOW_LINE_SPAN + (low >>> 2));
      recent.enter(low, high);
    }
  }
  return out.slice(0, end);
}

function putDistance(out: Uint8Array, at: number, recent: Recent, line: number): number {
  const place = recent.nearest(line);
  const distance = line - recent.line(place);
  const sign = distance < 0 ? 1 : 0;
  let rest = Math.abs(distance);
  out[at++] = place;
  let byte = ((rest % 64) << 1) | sign;
  rest = Math.floor(rest / 64);
  for (; rest > 0; rest = Math.floor(rest / 128)) {
    out[at++] = byte | 128;
    byte = rest % 128;
  }
  out[at++] = byte;
  return at;
}

/** How far {@link decodeBlock} has come in the bytes behind the accesses' own. */
interface Distances {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * Fills `words` from coded bytes; false unless the bytes are a code of exactly that many accesses. Half of all accesses are to the
 * four latest lines, which are kept apart in a local.
 */
export function decodeBlock(bytes: Uint8Array, words: AccessWords): boolean {
  const n = words.length / 2;
  if (bytes.length < n) return false;
  const recent = new Recent();
  const { low, high, order } = recent;
  const distances: Distances = { bytes, at: n };
  let four = order[0]!;
  let wrong = 0;
  for (let i = 0; i < n; i++) {
    const code = bytes[i]!;
    const place = code >>> 2;
    let slot: number;
    if (place < 4) {
      const shift = place << 3;
      slot = (four >>> shift) & 255;
      four = insertBelow(four, shift, slot);
    } else {
      order[0] = four;
      slot = place === FAR ? enterFar(recent, distances) : toFront(order, place);
      if (slot < 0) return false;
      four = order[0]!;
    }
    wrong |= code & (code >>> 1);
    words[2 * i] = low[slot]! | (code & 3);
    words[2 * i + 1] = high[slot]!;
  }
  return (wrong & 1) === 0 && distances.at === bytes.length;
}

/** The slot of a line that the bytes at hand describe, -1 if they cannot. */
function enterFar(recent: Recent, distances: Distances): number {
  const { bytes } = distances;
  const place = bytes[distances.at++]!;
  // Also when there is no such byte.
  if (!(place < RECENT)) return -1;
  let byte = bytes[distances.at++]!;
  const sign = byte & 1;
  let distance = (byte & 127) >>> 1;
  for (let unit = 64; byte & 128 && unit < 2 ** 55; unit *= 128) {
    byte = bytes[distances.at++]!;
    distance += (byte & 127) * unit;
  }
  const line = recent.line(place) + (sign ? -distance : distance);
  if (byte & 128 || distances.at > bytes.length || !(line >= 0 && line <= MAX_LINE)) return -1;
  return recent.enter((line % LOW_LINE_SPAN) << 2, Math.floor(line / LOW_LINE_SPAN));
}
