/**
 * The page tables of a script's processes after one of its operations: every table page that leads to a region, level by
 * level, its slots as runs, and what of them the operation changed. For people to look at; what is compared with real kernels
 * is in `report.ts` and `entries.ts`.
 *
 * Not shown: tables under the program and the stack, which no script can name, and tables kept in reserve for huge leaves.
 */
import { A, type Entry, Kind, Marker } from "../../arch/entry.ts";
import { decode, spanLg2 } from "../../arch/format.ts";
import { UserError } from "../../base/errors.ts";
import { countsOf, type EventName } from "../../base/tally.ts";
import type { Mm } from "../../mm/mm.ts";
import { type Region, wholePages } from "./report.ts";
import { type OpRecord, type OpsSpec, ScriptRunner } from "./run.ts";
import type { OpLine, Script } from "./script.ts";

/** What a run of slots holds, in the order in which legends show it. */
export const HOLDS = [
  "table",
  "pages",
  "contiguous",
  "huge leaf",
  "zero page",
  "guard",
  "swap",
  "marker",
  "empty",
] as const;
/** One of {@link HOLDS}. */
export type Holds = (typeof HOLDS)[number];

/** What an operation did to a slot: `emptied` is a slot that held something before. */
export type SlotChange = "" | "new" | "changed" | "emptied";

/** Slots of one table page that follow each other and hold the same. */
export interface SlotRun {
  readonly slot: number;
  n: number;
  readonly holds: Holds;
  /** Flags of leaves in the letters of the recorded runs: w o d a x s n. */
  readonly flags: string;
  /** First frame of memory or of the table that is pointed to; -1 where there is none. */
  readonly frame: number;
  /** Where in the regions the table begins that is pointed to; empty for anything else, and for tables of program and stack. */
  readonly leads: string;
  /** Order of the folio that leaves map; -1 for anything else. */
  readonly order: number;
  /** Place of the first page in its folio. */
  readonly index: number;
  readonly change: SlotChange;
}

/** One table page. A freed one has no runs. */
export interface TablePage {
  readonly p: number;
  readonly level: number;
  /** First virtual page that the table translates. */
  readonly start: number;
  /** Where in the script's regions it begins, such as `a+2M`; `root` for the top table. */
  readonly under: string;
  readonly change: "" | "new" | "freed";
  readonly runs: readonly SlotRun[];
}

/** Counts of the model beside what a kernel's record says. */
export const VIEW_EVENTS = [
  "tablesAllocated",
  "tablesFreed",
  "mappingSplits",
  "folioSplits",
  "contpteFolds",
  "contpteUnfolds",
  "vmaSplits",
  "vmaMerges",
] as const satisfies readonly EventName[];

/** What one operation came to, in counts. */
export type OpCounts = { readonly [K in (typeof VIEW_EVENTS)[number]]: number };

/** The state after one operation. `step` counts from 1. */
export interface TableView {
  readonly step: number;
  readonly steps: number;
  readonly line: OpLine;
  readonly record: OpRecord;
  readonly counts: OpCounts;
  /** Linux's names of the levels, level 0 first. */
  readonly levelNames: readonly string[];
  /** Log two of the base page in bytes. */
  readonly pageLg2: number;
  /** Base pages under one slot, level 0 first. */
  readonly spans: readonly number[];
  /** Processes in order; of each, the top table first, then level by level, by address. */
  readonly pages: readonly TablePage[];
}

/**
 * Runs a script up to an operation (the last one, where `step` goes beyond it) and shows the tables there. Throws
 * {@link UserError} for a script that cannot be read to its end, or that has no operation.
 */
export function tablesAfter(script: Script, step: number, spec: OpsSpec): TableView {
  if (script.bad !== null) throw script.bad;
  const steps = script.lines.length;
  if (steps === 0) throw new UserError(`${script.name}: there is no operation`);
  const last = Math.min(Math.max(1, step), steps);
  const runner = new ScriptRunner(spec);
  for (const line of script.lines.slice(0, last - 1)) runner.step(line);
  const before = tableWords(runner);
  const tally = runner.kernel.tally.slice();
  const line = script.lines[last - 1]!;
  const record = runner.step(line);
  const { format } = runner.kernel;
  const spans = format.levelNames.map((_, level) => 2 ** spanLg2(format, level));
  return {
    ...{ step: last, steps, line, record, levelNames: format.levelNames, pageLg2: format.pageLg2, spans },
    counts: countsOf(VIEW_EVENTS, runner.kernel.tally, tally),
    pages: shownPages(runner, before),
  };
}

/** One row for each operation of a script: its text, its outcome, and the counts that are not 0 throughout. */
export function operationRows(script: Script, spec: OpsSpec): readonly Readonly<Record<string, string | number>>[] {
  if (script.bad !== null) throw script.bad;
  const runner = new ScriptRunner(spec);
  const rows = script.lines.map((line) => {
    const tally = runner.kernel.tally.slice();
    const { i, op, rc, err, flt, procs } = runner.step(line);
    const dpte = procs.map((proc) => proc.dpte).join(" ");
    return { i: i + 1, op, rc, err: err ?? "", flt, dpte, ...countsOf(VIEW_EVENTS, runner.kernel.tally, tally) };
  });
  const silent = VIEW_EVENTS.filter((event) => rows.every((row) => row[event] === 0));
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => !silent.includes(key as never))));
}

/** The raw words of one table page at some time. */
interface Words {
  readonly place: Place;
  readonly lo: readonly number[];
  readonly hi: readonly number[];
}

/** A table page in a tree, and its name between two times. A table that mremap hangs elsewhere is another one there. */
interface Place {
  readonly p: number;
  readonly mm: Mm;
  readonly level: number;
  readonly start: number;
  readonly table: number;
}

const keyOf = ({ p, level, start }: Place): string => `${p} ${level} ${start}`;

/** The words of all table pages; of each process level by level, by address. */
function tableWords(runner: ScriptRunner): Map<string, Words> {
  const all = runner.processes.flatMap((mm, p) => (mm === undefined ? [] : placesOf(p, mm)));
  return new Map(all.map((place) => [keyOf(place), wordsOf(place)]));
}

function wordsOf(place: Place): Words {
  const { pt } = place.mm;
  const slots = Array.from({ length: slotsOf(place) }, (_, i) => firstSlot(place) + i);
  return { place, lo: slots.map((slot) => pt.lo(slot)), hi: slots.map((slot) => pt.hi(slot)) };
}

const slotsOf = ({ mm, level }: Place): number => 2 ** mm.pt.format.indexLg2[level]!;
const firstSlot = ({ mm, table, start, level }: Place): number => mm.pt.slot(table, start, level);

/** The top table, and level by level those below it. */
function placesOf(p: number, mm: Mm): Place[] {
  const { pt } = mm;
  const found: Place[] = [];
  let row: Place[] = [{ p, mm, level: pt.levels - 1, start: 0, table: pt.root }];
  while (row.length > 0) {
    found.push(...row);
    row = row.filter(({ level }) => level > 0).flatMap(childrenOf);
  }
  return found;
}

function childrenOf(place: Place): Place[] {
  const { pt } = place.mm;
  const children: Place[] = [];
  for (let i = 0; i < slotsOf(place); i++) {
    const slot = firstSlot(place) + i;
    if (pt.kind(slot, place.level) === Kind.table)
      children.push({ ...belowOf(place, i), table: pt.child(slot, place.level) });
  }
  return children;
}

/** The tables that lead to a region, each with what was there before, and at the end of each process those that are gone. */
function shownPages(runner: ScriptRunner, before: ReadonlyMap<string, Words>): TablePage[] {
  const { regions } = runner;
  const now = tableWords(runner);
  const wanted = ({ place }: Words) => isRoot(place) || underOf(place, regions) !== "";
  const here = [...now.values()].filter(wanted).map((words) => pageOf(words, before.get(keyOf(words.place)), regions));
  const gone = [...before.values()].filter((words) => wanted(words) && !now.has(keyOf(words.place)));
  const freed = gone.map(({ place }): TablePage => ({ ...named(place, regions), change: "freed", runs: [] }));
  const processes = [...new Set([...here, ...freed].map(({ p }) => p))].sort();
  return processes.flatMap((p) => [...here, ...freed].filter((page) => page.p === p));
}

/** What a slot's table translates. */
function belowOf({ p, mm, level, start }: Place, slot: number): Omit<Place, "table"> {
  return { p, mm, level: level - 1, start: start + slot * mm.pt.span[level]! };
}

const isRoot = ({ mm, level }: Place): boolean => level === mm.pt.levels - 1;

function named(place: Place, regions: readonly Region[]) {
  const { p, level, start } = place;
  return { p, level, start, under: isRoot(place) ? "root" : underOf(place, regions) };
}

/** The first place of a region that the table translates, or an empty text. */
function underOf({ mm, level, start }: Omit<Place, "table">, regions: readonly Region[]): string {
  const end = start + slotCover(mm, level);
  for (const region of regions) {
    const [base, stop] = wholePages(mm, region);
    if (base < end && start < stop) return `${region.name}+${offsetText(Math.max(0, start - base), mm)}`;
  }
  return "";
}

const slotCover = (mm: Mm, level: number): number => mm.pt.span[level]! * 2 ** mm.pt.format.indexLg2[level]!;

function offsetText(pages: number, mm: Mm): string {
  const kib = pages * 2 ** (mm.pt.format.pageLg2 - 10);
  if (kib === 0) return "0";
  return kib % 1024 === 0 ? `${kib / 1024}M` : `${kib}K`;
}

function pageOf(words: Words, old: Words | undefined, regions: readonly Region[]): TablePage {
  const { mm, level } = words.place;
  const pieces: SlotRun[] = [];
  for (let i = 0; i < words.lo.length; i++) {
    const next = runOf(words, old, i, regions);
    const last = pieces.at(-1);
    if (last !== undefined && continues(last, next, mm.pt.span[level]!)) last.n++;
    else pieces.push(next);
  }
  const runs = joinWhole(pieces, mm.pt.span[level]!);
  return { ...named(words.place, regions), change: old === undefined ? "new" : "", runs };
}

function runOf({ place, lo, hi }: Words, old: Words | undefined, i: number, regions: readonly Region[]): SlotRun {
  const { mm, level } = place;
  const { pt, kernel } = mm;
  const entry = decode(pt.format, lo[i]!, hi[i]!, level);
  const change = changeOf(place, entry, [lo[i]!, hi[i]!], old === undefined ? undefined : [old.lo[i]!, old.hi[i]!]);
  const frame = entry.kind === "leaf" ? pt.pfn(firstSlot(place) + i, level) : "pfn" in entry ? entry.pfn : -1;
  const plain = { slot: i, n: 1, flags: "", frame, leads: "", order: -1, index: 0, change };
  if (entry.kind === "table") return { ...plain, holds: "table", leads: underOf(belowOf(place, i), regions) };
  if (entry.kind !== "leaf") return { ...plain, holds: heldBy(entry) };
  const flags = pt.format.rawFlags(lo[i]!, hi[i]!, level);
  if (entry.attrs & A.special || kernel.isHugeZero(frame)) return { ...plain, flags, holds: "zero page" };
  const { frames } = kernel;
  const contiguous = entry.attrs & A.cont ? "contiguous" : "pages";
  const holds = level > 0 ? "huge leaf" : contiguous;
  return { ...plain, holds, flags, order: frames.order(frame), index: frame - frames.head(frame) };
}

function heldBy(entry: Exclude<Entry, { kind: "leaf" | "table" }>): Holds {
  if (entry.kind === "none") return "empty";
  if (entry.kind === "marker") return entry.marker & Marker.guard ? "guard" : "marker";
  return entry.kind;
}

type Word = readonly [lo: number, hi: number];

function changeOf({ mm, level }: Place, entry: Entry, [lo, hi]: Word, was: Word | undefined): SlotChange {
  const { format } = mm.pt;
  const wasNone = was === undefined || decode(format, was[0], was[1], level).kind === "none";
  if (entry.kind === "none") return wasNone ? "" : "emptied";
  if (wasNone) return "new";
  return lo === was[0] && hi === was[1] ? "" : "changed";
}

const alike = (a: SlotRun, b: SlotRun): boolean =>
  a.holds === b.holds && a.flags === b.flags && a.leads === b.leads && a.change === b.change && a.order === b.order;

/** Slots that hold alike; those of a large folio only where they follow each other in it. `span` is pages a slot. */
function continues(run: SlotRun, next: SlotRun, span: number): boolean {
  if (!alike(run, next)) return false;
  return run.order <= 0 || (run.frame + run.n * span === next.frame && next.index === run.index + run.n * span);
}

/** Whole folios of one order side by side are one run. */
function joinWhole(pieces: readonly SlotRun[], span: number): SlotRun[] {
  const whole = (run: SlotRun) => run.order > 0 && run.index === 0 && (run.n * span) % 2 ** run.order === 0;
  const runs: SlotRun[] = [];
  for (const piece of pieces) {
    const last = runs.at(-1);
    if (last !== undefined && alike(last, piece) && whole(last) && whole(piece)) last.n += piece.n;
    else runs.push(piece);
  }
  return runs;
}
