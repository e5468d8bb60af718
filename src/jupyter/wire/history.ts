/**
 * The cells of this kernel's life, for front ends that offer them again. Nothing is kept on disk.
 */
import type { Handler } from "./kernel.ts";

interface Entry {
  readonly count: number;
  readonly code: string;
}

/** The executed cells, oldest first. */
export interface History {
  readonly entries: readonly Entry[];
  add(entry: Entry): void;
}

/** An empty history. */
export function createHistory(): History {
  const entries: Entry[] = [];
  return { entries, add: (entry) => void entries.push(entry) };
}

/** Answers `history_request`: `tail`, `range` and `search` with the protocol's `*` and `?`. */
export function historyHandler(history: History): Handler {
  return ({ content }) => {
    const found = select(history.entries, content);
    const asked = content.output === true;
    return { status: "ok", history: found.map(({ count, code }) => [0, count, asked ? [code, null] : code]) };
  };
}

function select(entries: readonly Entry[], content: Readonly<Record<string, unknown>>): readonly Entry[] {
  const most = typeof content.n === "number" ? content.n : entries.length;
  if (content.hist_access_type === "range") {
    const { start, stop } = content as { start?: number; stop?: number };
    return entries.filter(({ count }) => count >= (start ?? 0) && count < (stop ?? Number.POSITIVE_INFINITY));
  }
  if (content.hist_access_type !== "search") return entries.slice(-most);
  const pattern = globPattern(String(content.pattern ?? "*"));
  const hits = entries.filter(({ code }) => pattern.test(code));
  const unique =
    content.unique === true ? hits.filter((e, i) => !hits.slice(i + 1).some((l) => l.code === e.code)) : hits;
  return unique.slice(-most);
}

function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "s");
}
