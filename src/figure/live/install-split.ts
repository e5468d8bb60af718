/**
 * The live figures of installing into page tables: what each way to fill holes splits, and what guards for stacks cost.
 */

import { EVENTS } from "../../base/tally.ts";
import { countOf } from "../../base/words.ts";
import { INSTALL_EVENTS, type InstallRow, installSplit } from "../../study/install-split/install-split.ts";
import { type StackRow, stackGuards } from "../../study/install-split/stacks.ts";
import { INSTALL_WALKERS } from "../../study/install-split/walkers.ts";
import type { Column, Drawing, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { shareBars } from "../shares.ts";

const LABELS: Readonly<Record<(typeof INSTALL_EVENTS)[number], string>> = {
  mappingSplits: "splits",
  indirectCalls: "calls",
  pteLocks: "PTE locks",
  upperLocks: "upper locks",
  slotsRead: "read",
  slotsWritten: "written",
  tablesAllocated: "tables",
  flushRanges: "flushes",
};

const counted = (key: keyof typeof LABELS): Column => ({
  ...{ key, label: LABELS[key], basis: "counted" },
  definition: sentence(key),
});

const installColumns: readonly Column[] = [
  {
    key: "walker",
    label: "walk",
    definition: `The callbacks it brings. ${INSTALL_WALKERS.map((w) => `${w.name}: ${w.what}`).join(". ")}.`,
  },
  {
    key: "ended",
    label: "ended",
    definition: "Null call: at an entry for which there is no callback, where Linux would call a null pointer.",
  },
  ...INSTALL_EVENTS.map(counted),
];

/** The causes that the picture shows; the table has the rest. */
const PICTURED = ["mappingSplits", "indirectCalls", "slotsWritten", "pteLocks"] as const;

/** Bars by cause for the columns named, a bar for each value of the column `series`. */
const byCause =
  (series: string, keys: readonly string[]): Drawing =>
  (Plot, frame) => {
    const rows = keys.flatMap((key) => frame.unpivot([key])).map((row) => ({ ...row, cause: row.series! }));
    return shareBars(Plot, frame, { series, keys, rows, of: "the most of each cause" });
  };

function installAlt(rows: readonly InstallRow[], setting: string): string {
  const each = rows.map((row) => {
    const died = row.ended === "null call" ? " and a null call" : "";
    return `${row.walker}: ${row.mappingSplits} splits${died}`;
  });
  return `Bars of what six walks cost, by cause, over ${setting}. Mapping splits: ${each.join("; ")}.`;
}

/** What each way to install splits and costs, redrawn for other states and formats. */
export const installSplitLive = defineLive({
  id: installSplit.id,
  title: "Splits by a walk that installs",
  params: installSplit.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = installSplit.run(params, undefined, effects);
    const { arch, state, blocks } = params;
    const setting = `${countOf(blocks, "huge page")} of range, before: ${state}`;
    const keys = installColumns.map((c) => c.key);
    return {
      title: `Filling the holes of a range: ${state}`,
      caption: `One walk over ${blocks} PMDs' worth of ${arch} that puts a guard into every empty entry. Before it: ${state}.`,
      alt: installAlt(rows, setting),
      better: "fewer splits",
      columns: installColumns,
      rows: rows.map((row) => Object.fromEntries(keys.map((key) => [key, row[key as keyof InstallRow]])) as Row),
      origin: {
        designs: ["pagewalk", arch],
        workload: `install into ${blocks} huge pages' worth: ${state}`,
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: byCause("walker", PICTURED),
});

const stackColumns: readonly Column[] = [
  { key: "guard", label: "guard", definition: "How the lowest page of each stack is guarded." },
  {
    key: "vmas",
    label: "VMAs",
    basis: "counted",
    definition: "VMAs of the process once all threads have started.",
  },
  {
    key: "pteTables",
    label: "PTE tables",
    basis: "counted",
    definition: "PTE tables of the process, each of them a page.",
  },
  { key: "vmaSplits", label: "VMA splits", basis: "counted", definition: sentence("vmaSplits") },
  { key: "pteLocks", label: "PTE locks", basis: "counted", definition: sentence("pteLocks") },
  { key: "slotsWritten", label: "written", basis: "counted", definition: sentence("slotsWritten") },
];

function sentence(event: keyof typeof EVENTS): string {
  return `${EVENTS[event].charAt(0).toUpperCase()}${EVENTS[event].slice(1)}.`;
}

function stackAlt(rows: readonly StackRow[]): string {
  const each = rows.map((row) => `${row.guard}: ${row.vmas} VMAs and ${row.pteTables} PTE tables`);
  return `Bars of VMAs, PTE tables and VMA splits for stacks guarded in three ways. ${each.join("; ")}.`;
}

/** What a guard for each stack costs, as a VMA and as a marker. */
export const stackGuardsLive = defineLive({
  id: stackGuards.id,
  title: "A guard for every stack",
  params: stackGuards.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = stackGuards.run(params, undefined, effects);
    const { arch, threads, stack, gap, first } = params;
    const keys = stackColumns.map((c) => c.key);
    return {
      title: "A guard for every stack",
      caption:
        `${threads} threads on ${arch}, each with a stack of ${stack} pages of which it uses the top four, ` +
        `${gap === 0 ? "side by side" : `${gap} pages apart`}; the lowest stack starts ${first} pages into a PTE table.`,
      alt: stackAlt(rows),
      better: "fewer VMAs, fewer tables",
      columns: stackColumns,
      rows: rows.map((row) => Object.fromEntries(keys.map((key) => [key, row[key as keyof StackRow]])) as Row),
      origin: { designs: [arch], workload: `${threads} stacks of ${stack} pages`, params, seed: null, input: null },
    };
  },
  plot: byCause("guard", ["vmas", "pteTables", "vmaSplits", "slotsWritten"]),
});
