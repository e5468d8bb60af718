/**
 * A walk told step by step, in sentences that make sense without the picture: what a screen reader reads and what an animation says.
 */

import { hex } from "../base/size.ts";
import { countOf } from "../base/words.ts";
import type { FigureData } from "./figure.ts";
import { addressParts, type LevelReads, readWalk, type WalkLevel, type WalkRead } from "./walk-data.ts";

/** The steps of a walk in words: the address, each slot that is read, where it ends, and what further accesses read. */
export function walkWords(figure: Pick<FigureData, "rows" | "origin">): readonly string[] {
  const walk = readWalk(figure);
  return [addressWords(walk), ...walk.levels.map(levelWords), endWords(walk), ...accessWords(walk)];
}

function addressWords(walk: WalkRead): string {
  const parts = addressParts(walk);
  const words = parts.map(({ name, high, low, value }) =>
    name === "offset" ? `${high}-${low} are the offset ${hex(value)}` : `${high}-${low} choose ${name}[${value}]`,
  );
  return `The address ${hex(walk.address)} on ${walk.format.name}: bits ${words.join(", ")}. ${walk.root} leads to the first table, the ${parts[0]!.name}.`;
}

function levelWords({ level, name, index, word, entry, meaning, block }: WalkLevel): string {
  const read = `Level ${level}: ${name}[${index}] is read. It is ${word}: ${meaning}.`;
  if (entry.kind === "table") return `${read} The walk goes on in that table.`;
  if (block.slots === 1) return read;
  return `${read} It is one of ${block.slots} slots that map a block together, ${block.first} to ${block.first + block.slots - 1}.`;
}

/** Where the walk ends, for a load by a program. */
function endWords({ format, address, fault, frame, levels }: WalkRead): string {
  if (fault === null) {
    const offset = BigInt.asUintN(format.pageLg2, address);
    const physical = (BigInt(frame) << BigInt(format.pageLg2)) | offset;
    return `The physical address is ${hex(physical)}: frame ${hex(frame)} and offset ${hex(offset)}.`;
  }
  return `The walk ends in a fault: ${WHY[levels.at(-1)!.entry.kind]}.`;
}

const WHY: Readonly<Record<WalkLevel["entry"]["kind"], string>> = {
  none: "nothing is mapped here",
  marker: "the entry is a marker, and hardware finds nothing present",
  swap: "the page is in swap, and hardware finds nothing present",
  leaf: "the kernel holds the page present, but hardware refuses the access",
  table: "the entry leads nowhere",
};

function accessWords({ reads, fault, levels }: WalkRead): string[] {
  if (reads.length === 0) return [];
  const ns = reads.reduce((sum, read) => sum + read.ns, 0);
  return [
    `On a core that knew nothing the walk read ${countOf(levels.length, "slot")}, ${ns.toFixed(1)} ns modelled. The same access again reads ${again(reads, fault !== null)}.`,
    `The page beside it then reads ${next(reads, fault !== null)}.`,
  ];
}

function again(reads: readonly LevelReads[], faults: boolean): string {
  if (!faults) return `${told(reads, "again")}: the TLB has the translation`;
  return `${told(reads, "again")}: a fault leaves nothing in the TLB, but walk caches know the tables above`;
}

function next(reads: readonly LevelReads[], faults: boolean): string {
  const text = told(reads, "next");
  if (text === "no slot") return `${text}: the entry in the TLB covers it as well`;
  const all = reads.every((read) => read.next > 0);
  return all || faults ? text : `${text}: walk caches know the tables above`;
}

/** `1 slot (PTE)`. */
function told(reads: readonly LevelReads[], which: "again" | "next"): string {
  const read = reads.filter((level) => level[which] > 0);
  const n = read.reduce((sum, level) => sum + level[which], 0);
  return n === 0 ? "no slot" : `${countOf(n, "slot")} (${read.map(({ name }) => name).join(", ")})`;
}
