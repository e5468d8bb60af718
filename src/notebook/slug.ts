/**
 * Names for anchors, made of words.
 */

/** Text as part of an address: lower-case letters and digits, with hyphens between words. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");

/** The name itself if it is not taken, otherwise with the next number behind it; it is taken from then on. */
export function numbered(taken: Set<string>, name: string, first = 2): string {
  let free = name;
  for (let n = first; taken.has(free); n++) free = `${name}-${n}`;
  taken.add(free);
  return free;
}
