/**
 * The reader's edits of a page, kept in the tab: they are there again after a reload and after a look at another page.
 */

/** What the reader made of a cell, and the stored code that it was made of. */
interface Edit {
  readonly stored: string;
  readonly code: string;
}

const key = (): string => `ptlab-cells:${location.pathname}`;

/** Whether edits of this page are kept. */
export const hasEdits = (): boolean => read() !== null;

/** The edited code of this page's cells by their number, from 0. `stored` is the page's code: edits of other code are left out. */
export function keptEdits(stored: readonly string[]): ReadonlyMap<number, string> {
  try {
    const edits = Object.entries((JSON.parse(read() ?? "{}") ?? {}) as Record<number, Edit>);
    const ofThisCode = edits.filter(([index, edit]) => edit.stored === stored[Number(index)]);
    return new Map(ofThisCode.map(([index, { code }]) => [Number(index), code]));
  } catch {
    // Not what is written here: there are no edits to be had from it.
    return new Map();
  }
}

/** Keeps the edits of this page's cells. */
export function keepEdits(cells: readonly { readonly storedCode: string; readonly code: string }[]): void {
  const edits = cells.flatMap(({ storedCode, code }, i): [number, Edit][] =>
    code === storedCode ? [] : [[i, { stored: storedCode, code }]],
  );
  try {
    if (edits.length === 0) sessionStorage.removeItem(key());
    else sessionStorage.setItem(key(), JSON.stringify(Object.fromEntries(edits)));
  } catch {
    // A browser that keeps nothing, or no more: the edits last as long as the page.
  }
}

/** A browser that keeps nothing for pages may refuse even the look. */
function read(): string | null {
  try {
    return sessionStorage.getItem(key());
  } catch {
    return null;
  }
}
