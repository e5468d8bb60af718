/**
 * Edits of a text that remember where everything came from, so that an error in what was made of a cell is shown at
 * its place in the cell.
 */

/** Replaces what is between two offsets; equal offsets insert. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A text after its edits. */
export interface Edited {
  readonly text: string;
  /** The offset before the edits of an offset after them; what was inserted belongs to the place of the edit. */
  origin(offset: number): number;
}

/** Applies edits that do not overlap; insertions at one place keep their order. */
export function edited(before: string, edits: readonly Edit[]): Edited {
  const ordered = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
  let text = "";
  let from = 0;
  for (const edit of ordered) {
    text += before.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  return { text: text + before.slice(from), origin: (offset) => originOf(offset, ordered) };
}

function originOf(offset: number, ordered: readonly Edit[]): number {
  let shift = 0;
  for (const { start, end, text } of ordered) {
    if (offset < start + shift) break;
    if (offset < start + shift + text.length) return start;
    shift += text.length - (end - start);
  }
  return offset - shift;
}

/** The same number of blanks and lines: what stands behind keeps its place. */
export const blanked = (text: string): string => text.replace(/[^\n]/g, " ");

/** Takes a statement or a member of a class away; what stands before it does not go on with what stands behind. */
export const dropped = (text: string, start: number, end: number): Edit => ({
  start,
  end,
  text: `;${blanked(text.slice(start + 1, end))}`,
});

/** A place in a text; line and column count from one. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The offset of a place; a place outside of the text is brought to its nearest end. */
export function offsetAt(text: string, { line, column }: Place): number {
  const before = text.split("\n").slice(0, line - 1);
  return Math.min(
    text.length,
    before.reduce((sum, { length }) => sum + length + 1, column - 1),
  );
}

/** The place of an offset. */
export function placeAt(text: string, offset: number): Place {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length, column: lines.at(-1)!.length + 1 };
}
