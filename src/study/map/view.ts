/**
 * What one look at an address space shows: its VMAs, or the ranges that the entries of one level span within a VMA, or the single
 * pages of one table. A path of numbers leads from one to the next: `all`, then `7` (the seventh VMA), then `7.3` (its third range).
 */
import { oneOf, UserError } from "../../base/errors.ts";
import { type AddressSpace, type MapVma, NOT_MAPPED, pagesByKind } from "./space.ts";

/** The path of the whole address space. */
export const ALL = "all";

/** One part of a view: pages `[start, end)` and what maps them, in the order of `MAP_KINDS`. */
export interface MapCell {
  /** Where zooming into it leads, or null where there is nothing smaller. */
  readonly path: string | null;
  readonly start: number;
  readonly end: number;
  readonly pages: readonly number[];
}

/** One look. A cell is what `entries` entries of `level` span; null where the cells are VMAs. */
export interface MapView {
  readonly path: string;
  /** The path out of it, or null for the whole. */
  readonly up: string | null;
  readonly level: number | null;
  readonly entries: number;
  /** The VMA looked into, by its number from 1 on; null where the cells are VMAs. */
  readonly vma: number | null;
  readonly start: number;
  readonly end: number;
  readonly cells: readonly MapCell[];
}

/** How near a look is: its cells are what so many entries of a level span. */
interface Step {
  readonly level: number;
  readonly entries: number;
}

/** Pages `[start, end)`, looked at by one of the steps of {@link stepsOf}. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Most cells of a look, where there is another way: more than a few hundred are neither drawn in a moment nor told apart. */
export const MOST_CELLS = 512;

/** From single pages up. A table of more than {@link MOST_CELLS} entries is looked at by contiguous blocks before its entries. */
function stepsOf({ spans, cont }: AddressSpace): readonly Step[] {
  return spans.flatMap((span, level) => {
    const single = { level, entries: 1 };
    const isLarge = (spans[level + 1] ?? span) / span > MOST_CELLS;
    return isLarge && cont > 1 ? [single, { level, entries: cont }] : [single];
  });
}

/** Pages that a cell of a step spans. */
function cellSpan(space: AddressSpace, step: number): number {
  const { level, entries } = stepsOf(space)[step]!;
  return space.spans[level]! * entries;
}

/** The look that a path names; a VMA may also be named by what it holds, the first such one. Throws {@link UserError} for a wrong one. */
export function viewAt(space: AddressSpace, path: string): MapView {
  const [first, ...rest] = path.trim().split(".");
  if (space.vmas.length === 0) throw new UserError(`${space.name} has no VMA`);
  if (first === ALL && rest.length === 0) return wholeView(space);
  const number = vmaNumber(space, first!);
  const vma = space.vmas[number - 1]!;
  let window: Window = { start: vma.start, end: vma.end, step: firstStep(space, vma) };
  let at = String(number);
  for (const step of rest) {
    const cells = boundsOf(space, window).length - 1;
    if (window.step === 0) throw new UserError(`'${path}' leads below single pages: '${at}' is the end`);
    window = inner(space, window, whole(step, cells, `range of ${at}`));
    at = `${at}.${step}`;
  }
  const up = rest.length === 0 ? ALL : at.slice(0, at.lastIndexOf("."));
  const bounds = boundsOf(space, window);
  const cells = cellsOf([vma], bounds, (i) => (window.step === 0 ? null : `${at}.${i + 1}`));
  const { start, end } = window;
  return { path: at, up, ...stepsOf(space)[window.step]!, vma: number, start, end, cells };
}

function wholeView(space: AddressSpace): MapView {
  const { vmas } = space;
  const cells = vmas.map((vma, i) => cellsOf([vma], [vma.start, vma.end], () => String(i + 1))[0]!);
  const [start, end] = [vmas[0]!.start, vmas.at(-1)!.end];
  return { path: ALL, up: null, level: null, entries: 1, vma: null, start, end, cells: fullest(cells) };
}

/** Those cells, in their order, in which most pages are mapped. */
function fullest(cells: readonly MapCell[]): readonly MapCell[] {
  if (cells.length <= MOST_CELLS) return cells;
  const empty = (cell: MapCell) => cell.pages[NOT_MAPPED]!;
  const mapped = (cell: MapCell) => cell.end - cell.start - empty(cell);
  const kept = new Set(cells.toSorted((a, b) => mapped(b) - mapped(a)).slice(0, MOST_CELLS));
  return cells.filter((cell) => kept.has(cell));
}

function vmaNumber({ vmas }: AddressSpace, name: string): number {
  if (/^\d+$/.test(name)) return whole(name, vmas.length, "VMA");
  const kinds = [...new Set(vmas.map(({ what }) => what))];
  const wanted = oneOf("VMA (a number, all, or)", name, kinds);
  return 1 + vmas.findIndex(({ what }) => what === wanted);
}

function whole(text: string, most: number, what: string): number {
  const n = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (n < 1 || n > most) throw new UserError(`no ${what} has the number '${text}': 1 to ${most} are allowed`);
  return n;
}

/** The lowest step by which the VMA has no more cells than a table has entries, or than a look may have. */
function firstStep(space: AddressSpace, { start, end }: MapVma): number {
  const most = Math.min(space.spans[1]!, MOST_CELLS);
  const steps = stepsOf(space);
  const step = steps.findIndex((_, i) => {
    const span = cellSpan(space, i);
    return Math.ceil(end / span) - Math.floor(start / span) <= most;
  });
  return step < 0 ? steps.length - 1 : step;
}

/** Where the entries' ranges begin, and the end of the last one. */
function boundsOf(space: AddressSpace, { start, end, step }: Window): number[] {
  const span = cellSpan(space, step);
  const bounds = [start];
  for (let at = (Math.floor(start / span) + 1) * span; at < end; at += span) bounds.push(at);
  return [...bounds, end];
}

function inner(space: AddressSpace, window: Window, number: number): Window {
  const bounds = boundsOf(space, window);
  return { start: bounds[number - 1]!, end: bounds[number]!, step: window.step - 1 };
}

function cellsOf(vmas: readonly MapVma[], bounds: readonly number[], path: (i: number) => string | null): MapCell[] {
  return pagesByKind(vmas, bounds).map((pages, i) => ({
    path: path(i),
    start: bounds[i]!,
    end: bounds[i + 1]!,
    pages,
  }));
}

/** Most parts of a strip: of a PMD range of 4K pages, each is two blocks of 64K. */
export const STRIP_PARTS = 16;

/**
 * Pages `[start, end)` of one VMA as at most 16 parts of one size (the last may be shorter), each the pages by kind; a part is one page
 * where there are few.
 */
export function stripOf(vma: MapVma, start: number, end: number): number[][] {
  const size = Math.ceil((end - start) / STRIP_PARTS);
  const bounds = Array.from({ length: Math.ceil((end - start) / size) }, (_, i) => start + i * size);
  return pagesByKind([vma], [...bounds, end]);
}
