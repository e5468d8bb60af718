/**
 * Width of text without a browser: a table of typical advances of sans-serif faces, on the generous side.
 * Exact widths depend on the reader's fonts, which nobody knows when the picture is made.
 */

/** Size of all text in a picture, in CSS pixels. */
export const FONT_SIZE = 12;
/** Pixels from one line of text to the next. */
export const LINE_HEIGHT = 15;
/** The font of all text in pictures: whatever the reader's system uses. */
export const FONT_FAMILY = "system-ui, sans-serif";

/** Estimated width of one line, in CSS pixels at {@link FONT_SIZE}. */
export function textWidth(text: string): number {
  let ems = 0;
  for (const character of text) ems += advance(character);
  return Math.ceil(ems * FONT_SIZE);
}

function advance(character: string): number {
  if (/[ilj.,:;'|!()[\]/\s]/.test(character)) return 0.36;
  if (/[mwMW%@→←]/.test(character)) return 0.95;
  if (/[A-Z]/.test(character)) return 0.7;
  if (/[\u1100-\uffff]/.test(character) || character.length > 1) return 1.1;
  return 0.61;
}

/** Lines of at most so many pixels, broken at spaces; a longer word stays whole. */
export function wrapPixels(text: string, pixels: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`) <= pixels) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
