/**
 * The reader's edits of a page, kept in the tab: they are there again after a reload and after a look at another page.
 */

/** Code by the number of its cell, from 0. */
export type Edits = Readonly<Record<number, string>>;

const key = (): string => `ptlab-cells:${location.pathname}`;

/** Whether edits of this page are kept. */
export const hasEdits = (): boolean => sessionStorage.getItem(key()) !== null;

/** The edits of this page. */
export const keptEdits = (): Edits => JSON.parse(sessionStorage.getItem(key()) ?? "{}");

/** Keeps the edits of this page. */
export function keepEdits(edits: Edits): void {
  if (Object.keys(edits).length === 0) sessionStorage.removeItem(key());
  else sessionStorage.setItem(key(), JSON.stringify(edits));
}
