/**
 * Names for the bits of a raw word, for pictures and tables: what the drawing at the head of each format's file says, as data.
 * Nothing decodes with these; the formats' own functions do, and a test holds the two against each other.
 */

/** Bits `high` to `low` of a word, inclusive, and what they are. */
export interface BitField {
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly means: string;
}

/** Fields from their text, high bits first: `63 NX no execute; 51-12 frame frame number; 0 P present`. */
export function bitFields(text: string): readonly BitField[] {
  return text.split(";").map((part) => {
    const [bits, name, ...means] = part.trim().split(" ");
    const [high, low = high] = bits!.split("-").map(Number);
    return { name: name!, high: high!, low: low!, means: means.join(" ") };
  });
}

/** What a field of a word holds. */
export function fieldValue(word: bigint, { high, low }: Pick<BitField, "high" | "low">): bigint {
  return BigInt.asUintN(high - low + 1, word >> BigInt(low));
}

/** A word of its two halves. */
export const wholeWord = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
