/**
 * A cell that is nothing but `name?` or `?name` asks for documentation, and with two marks for the source too, as in
 * IPython: it is no TypeScript, so that nothing else can be meant. The answer goes into the front end's pager.
 */

/** What a cell asks about. */
export interface Inquiry {
  readonly name: string;
  readonly withSource: boolean;
}

const NAME = String.raw`[\p{ID_Continue}$.#]+`;
const QUESTION = new RegExp(String.raw`^\s*(?:(\?\??)\s*(${NAME})|(${NAME})\s*(\?\??))\s*;?\s*$`, "u");

/** What a cell asks about, or undefined if it is a cell to run. */
export function inquiryOf(code: string): Inquiry | undefined {
  const [, before, after, named, behind] = QUESTION.exec(code) ?? [];
  const name = after ?? named;
  return name === undefined ? undefined : { name, withSource: (before ?? behind) === "??" };
}

/** The part of an `execute_reply` that opens the pager. */
export const page = (text: string): object => ({ source: "page", data: { "text/plain": text }, start: 0 });
