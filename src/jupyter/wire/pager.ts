/**
 * A cell that is nothing but `name?` or `?name` asks for documentation, as in IPython: it is no TypeScript, so that
 * nothing else can be meant. The answer goes into the front end's pager.
 */

const QUESTION = /^\s*(?:\?\s*(?<after>[\w$.]+)|(?<before>[\w$.]+)\s*\?)\s*;?\s*$/;

/** The name that a cell asks about, or undefined if it is a cell to run. */
export function questionOf(code: string): string | undefined {
  const found = QUESTION.exec(code)?.groups;
  return found?.after ?? found?.before;
}

/** The part of an `execute_reply` that opens the pager. */
export const page = (text: string): object => ({ source: "page", data: { "text/plain": text }, start: 0 });
