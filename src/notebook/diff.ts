/**
 * Two lists beside each other: equal items on a level, and between them what one has and the other has not.
 */

/** One row of the comparison. Where both sides are there and not the same, one stands in for the other. */
export interface Pair<T> {
  readonly old: T | undefined;
  readonly now: T | undefined;
  readonly same: boolean;
}

/** Largest table of the search, in cells; longer changed middles are paired by place. */
const MOST = 4_000_000;

/** Rows that keep as many equal items as possible on a level, in both orders. */
export function pairs<T>(old: readonly T[], now: readonly T[], equal: (a: T, b: T) => boolean = Object.is): Pair<T>[] {
  const shorter = Math.min(old.length, now.length);
  let start = 0;
  while (start < shorter && equal(old[start]!, now[start]!)) start++;
  let end = 0;
  while (end < shorter - start && equal(old.at(-1 - end)!, now.at(-1 - end)!)) end++;
  const level = (a: T, b: T): Pair<T> => ({ old: a, now: b, same: true });
  return [
    ...old.slice(0, start).map((item, i) => level(item, now[i]!)),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end), equal),
    ...old.slice(old.length - end).map((item, i) => level(item, now[now.length - end + i]!)),
  ];
}

function middle<T>(old: readonly T[], now: readonly T[], equal: (a: T, b: T) => boolean): Pair<T>[] {
  if (old.length * now.length > MOST) return gap(old, now);
  const longest = commonLengths(old, now, equal);
  const rows: Pair<T>[] = [];
  let [i, j, fromI, fromJ] = [0, 0, 0, 0];
  while (i < old.length && j < now.length) {
    if (equal(old[i]!, now[j]!)) {
      rows.push(...gap(old.slice(fromI, i), now.slice(fromJ, j)), { old: old[i], now: now[j], same: true });
      [fromI, fromJ] = [++i, ++j];
    } else if (longest[i + 1]![j]! >= longest[i]![j + 1]!) i++;
    else j++;
  }
  return [...rows, ...gap(old.slice(fromI), now.slice(fromJ))];
}

/** Length of the longest common subsequence of what is left of both lists, from each pair of places. */
function commonLengths<T>(old: readonly T[], now: readonly T[], equal: (a: T, b: T) => boolean): Uint16Array[] {
  const rows = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      rows[i]![j] = equal(old[i]!, now[j]!) ? rows[i + 1]![j + 1]! + 1 : Math.max(rows[i + 1]![j]!, rows[i]![j + 1]!);
  return rows;
}

function gap<T>(old: readonly T[], now: readonly T[]): Pair<T>[] {
  const length = Math.max(old.length, now.length);
  return Array.from({ length }, (_, i) => ({ old: old[i], now: now[i], same: false }));
}

/** The rows that are not the same, each with so many rows around it; undefined stands for what was left out. */
export function hunks<T>(rows: readonly Pair<T>[], around: number): (Pair<T> | undefined)[] {
  const near = rows.map((_, i) => rows.slice(Math.max(0, i - around), i + around + 1).some((row) => !row.same));
  return rows.flatMap((row, i) => {
    if (near[i]) return [row];
    return i === 0 || near[i - 1] ? [undefined] : [];
  });
}
