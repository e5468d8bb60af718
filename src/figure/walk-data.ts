/**
 * The walk of one address as rows, and the rows read back: a drawing is given rows alone, whether they were made here, in another
 * thread or before the notebook was stored.
 */

import { fieldValue } from "../arch/bit-fields.ts";
import { type Format, levelsOf, rootOf } from "../arch/format.ts";
import { formatNamed } from "../arch/formats.ts";
import { UserError } from "../base/errors.ts";
import { hex } from "../base/size.ts";
import { countOf } from "../base/words.ts";
import { addressFields, frameUnder, slotsAround, type WalkStep, walkStep, walkSteps } from "../mmu/describe-walk.ts";
import { type FaultCause, refusal, type Tree } from "../mmu/translate.ts";
import type { AccessesMade } from "../study/walk/accesses.ts";
import type { Column, FigureData, LooseData, Row } from "./figure.ts";

/** One level of a walk, as the drawing needs it. */
export interface WalkLevel extends WalkStep {
  /** The aligned eight slots around, as letters. */
  readonly around: string;
}

/** Slots read at a level: by a repeated access and by one to the next page; and the time of the first. */
export interface LevelReads {
  readonly name: string;
  readonly ns: number;
  readonly again: number;
  readonly next: number;
}

/** A walk read back from a figure. */
export interface WalkRead {
  readonly format: Format;
  readonly address: bigint;
  readonly vpn: number;
  readonly root: string;
  readonly levels: readonly WalkLevel[];
  /** Why the walk ends in a fault of a load by a program; null where it does not. */
  readonly fault: FaultCause | null;
  /** Frame of the page; -1 where the walk ends in a fault. */
  readonly frame: number;
  /** By level, from the root down; empty where no access was made. */
  readonly reads: readonly LevelReads[];
}

const COLUMNS: readonly Column[] = [
  {
    key: "level",
    label: "level",
    role: "parameter",
    definition: "Level of the table that is read; level 0 holds PTEs.",
  },
  { key: "slot", label: "slot", definition: "Linux's name of the level, and which entry of the table is read." },
  { key: "bits", label: "bits", definition: "The bits of the address that choose it." },
  { key: "word", label: "entry", definition: "The entry as it is in memory, in hexadecimal." },
  {
    ...{ key: "meaning", label: "says" },
    definition:
      "w writable, d dirty, a accessed, x executable, n PROT_NONE, C contiguous: one block with its neighbours.",
  },
  {
    key: "set",
    label: "bits set",
    definition: "Bits of the entry that are 1, by name, besides numbers of several bits.",
  },
  {
    ...{ key: "around", label: "around" },
    definition:
      "The aligned eight slots around: t table, p page or larger leaf, C contiguous, n PROT_NONE, s swap, g guard, m other marker, . nothing.",
  },
];

const READS: readonly Column[] = [
  {
    ...{ key: "ns", label: "first", basis: "modelled", unit: "ns", digits: 1 },
    definition:
      "Time that the reads of the first access take, by the cost table of the core, on a core that knew nothing.",
  },
  { key: "again", label: "again", basis: "counted", definition: "Slots read when the same access is made again." },
  {
    ...{ key: "next", label: "next", basis: "counted" },
    definition: "Slots read when the page beside it is accessed after that.",
  },
];

/** The rows of a walk, with columns for what accesses read where these were made. */
export function walkData(tree: Tree, address: bigint, made?: AccessesMade): LooseData {
  const { format } = tree;
  const vpn = pageOf(format, address);
  const steps = walkSteps(tree, vpn);
  const around = slotsAround(tree, vpn);
  const rows = steps.map((step, i) => rowOf(step, around[i]!));
  const reads = countOf(steps.length, "read");
  return {
    title: `The walk of ${hex(address)} on ${format.name}`,
    caption: `${reads} in ${levelsOf(format)} levels. ${READING}`,
    alt: `${format.name}, ${reads}: ${steps.map(inWords).join("; ")}.`,
    better: "nothing is better or worse; this is a state",
    columns: made === undefined ? COLUMNS : [...COLUMNS, ...READS],
    rows:
      made === undefined ? rows : [...rows, ...unread(format, steps.at(-1)!.level)].map((row) => withReads(row, made)),
    origin: {
      ...{ designs: [format.name], workload: `walk of ${hex(address)}`, seed: null, input: null },
      params: { arch: format.name, at: hex(address) },
    },
  };
}

const READING =
  "On top the address, cut into the bits that choose a slot at each level. A bar is a table, its mark the slot that is read; " +
  "below it the eight slots around, and the entry bit by bit: filled is 1.";

/** The page of an address. Throws {@link UserError} for one that no root translates. */
function pageOf(format: Format, address: bigint): number {
  const vpn = Number(address >> BigInt(format.pageLg2));
  if (rootOf(format, vpn) !== null) return vpn;
  const byte = (page: number) => hex(BigInt(page) << BigInt(format.pageLg2));
  const allowed = format.roots.map(
    ({ first, last }) => `${byte(first)} to ${hex((BigInt(last + 1) << BigInt(format.pageLg2)) - 1n)}`,
  );
  throw new UserError(
    `${hex(address)} is no address of ${format.name}: ${[...new Set(allowed)].join(" and ")} are allowed`,
  );
}

const inWords = ({ name, index, meaning }: WalkStep): string => `${name}[${index}] is ${meaning}`;

function rowOf(step: WalkStep, around: string): Row {
  const { level, name, index, bits, word, meaning } = step;
  return { level, slot: `${name}[${index}]`, bits, word, meaning, set: setBits(step), around };
}

/** Levels below the entry at which the walk ended. */
function unread(format: Format, ended: number): Row[] {
  const levels = Array.from({ length: ended }, (_, i) => ended - 1 - i);
  const nothing = { bits: "-", word: "-", meaning: "not read", set: "-", around: "-" };
  return levels.map((level) => ({ level, slot: format.levelNames[level]!, ...nothing }));
}

function withReads(row: Row, { first, again, next }: AccessesMade): Row {
  const level = row.level as number;
  return { ...row, ns: first.ns[level]!, again: again.reads[level]!, next: next.reads[level]! };
}

/** Names of the single bits that are set: `D A US RW P`. */
export function setBits({ fields, raw }: Pick<WalkStep, "fields" | "raw">): string {
  const set = fields.filter((field) => field.high === field.low && fieldValue(raw, field) === 1n);
  return set.map(({ name }) => name).join(" ") || "none";
}

/** The walk that the rows of a figure tell. */
export function readWalk({ rows, origin }: Pick<FigureData, "rows" | "origin">): WalkRead {
  const format = formatNamed(String(origin.params.arch));
  const address = BigInt(String(origin.params.at));
  const vpn = pageOf(format, address);
  const levels = rows.filter(({ word }) => word !== "-").map((row) => levelOf(format, vpn, row));
  return {
    ...{ format, address, vpn, levels, root: rootOf(format, vpn)!.name },
    ...endOf(format, vpn, levels.at(-1)!),
    reads: rows.every(({ ns }) => typeof ns === "number") ? rows.map((row) => readsOf(format, row)) : [],
  };
}

function levelOf(format: Format, vpn: number, row: Row): WalkLevel {
  const word = BigInt(`0x${row.word}`);
  const [lo, hi] = [Number(BigInt.asIntN(32, word)), Number(BigInt.asIntN(32, word >> 32n))];
  return { ...walkStep(format, vpn, row.level as number, lo, hi), around: String(row.around) };
}

function endOf(format: Format, vpn: number, { entry, level }: WalkLevel): Pick<WalkRead, "fault" | "frame"> {
  const fault = entry.kind === "leaf" ? refusal(entry.attrs, false, false, format.accessDirty) : "translation";
  return { fault, frame: entry.kind === "leaf" && fault === null ? frameUnder(format, entry, level, vpn) : -1 };
}

const readsOf = (format: Format, row: Row): LevelReads => ({
  name: format.levelNames[row.level as number]!,
  ns: Number(row.ns),
  again: Number(row.again),
  next: Number(row.next),
});

/** The address cut as its format cuts it, with the value of each part. */
export const addressParts = ({ format, address }: Pick<WalkRead, "format" | "address">) =>
  addressFields(format).map((part) => ({ ...part, value: fieldValue(address, part) }));
