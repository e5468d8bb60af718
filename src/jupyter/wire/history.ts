/**
 * The cells that were run, for front ends that offer them again, and the answer to `history_request`.
 */
import type { Handler } from "./kernel.ts";

/** One cell of the history. Sessions count up from 1, one for each kernel that ran a cell; lines are execution counts. */
export interface Entry {
  readonly session: number;
  readonly line: number;
  readonly code: string;
  /** The result as text, or null if the cell gave none. */
  readonly output: string | null;
}

/** Lines of one session. Session 0 is the present one, -1 the one before; a negative start counts from the end. */
export interface Range {
  readonly session: number;
  readonly start: number;
  /** The first line that is left out; all are given without it. */
  readonly stop?: number;
}

/** The history as one kernel sees it. What is found is told oldest first. */
export interface History {
  add(line: number, code: string): void;
  /** Notes the result of a line that was added here. */
  addOutput(line: number, output: string): void;
  range(range: Range): Entry[];
  /** The last `n` cells of all sessions; {@link ALL} for every one. */
  tail(n: number): Entry[];
  /** The last cells that match the glob; with `unique` only the last of those that are alike. */
  search(pattern: string, n: number, unique: boolean): Entry[];
  close(): void;
}

/** No limit to a number of cells. */
export const ALL = -1;

/** Answers `history_request`. There is no other input than what was typed, so that `raw` makes no difference. */
export function historyHandler(history: History): Handler {
  return ({ content }) => {
    const found = select(history, content);
    const input = ({ code, output }: Entry) => (content.output === true ? [code, output] : code);
    return { status: "ok", history: found.map((entry) => [entry.session, entry.line, input(entry)]) };
  };
}

function select(history: History, content: Readonly<Record<string, unknown>>): Entry[] {
  const number = (name: string, otherwise: number): number => {
    const given = content[name];
    return typeof given === "number" && Number.isInteger(given) ? given : otherwise;
  };
  const n = number("n", ALL);
  if (content.hist_access_type === "search")
    return history.search(String(content.pattern ?? "*"), n, content.unique === true);
  if (content.hist_access_type !== "range") return history.tail(n);
  // Without an end, and with 0 as front ends write it, the range is open.
  return history.range({
    session: number("session", 0),
    start: number("start", 0),
    stop: number("stop", 0) || undefined,
  });
}
