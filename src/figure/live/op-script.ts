/**
 * The live figure of an op script: the page tables of every process after one operation, level by level, slot by slot, and
 * what the operation changed. The reader writes the script.
 */

import { formats } from "../../arch/formats.ts";
import { UserError } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import { EVENTS } from "../../base/tally.ts";
import { countOf } from "../../base/words.ts";
import { DESIGN_NAMES } from "../../design/design.ts";
import { profiles } from "../../mm/profile.ts";
import { SAMPLE_SCRIPTS } from "../../study/ops/samples.ts";
import { parseScript } from "../../study/ops/script.ts";
import { type SlotRun, type TablePage, type TableView, tablesAfter, VIEW_EVENTS } from "../../study/ops/table-view.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { slotBoxes } from "../slot-boxes.ts";

/** Operations that the slider reaches. */
const MOST_STEPS = 40;
/** Rows that a figure holds; a script that scatters its pages over more tables says so in the caption. */
const MOST_ROWS = 600;

const [first] = Object.values(SAMPLE_SCRIPTS);

const params = {
  step: { kind: "range", label: "after operation", min: 1, max: MOST_STEPS, step: 1, default: 5 },
  tables: { kind: "choice", label: "show", options: ["all tables", "changed tables"], default: "all tables" },
  arch: { kind: "choice", label: "format", options: formats.map((f) => f.name), default: "arm64-4k" },
  kernel: { kind: "choice", label: "kernel", options: profiles.map((p) => p.name), default: "6.18" },
  design: { kind: "choice", label: "entries by", options: DESIGN_NAMES, default: "folded" },
  contpte: { kind: "toggle", label: "contpte", default: true },
  script: { kind: "text", label: "script", default: first, max: 4000, samples: SAMPLE_SCRIPTS },
} as const;

const columns: readonly Column[] = [
  { key: "process", label: "p", definition: "The process: @0 is the first, fork makes the next." },
  { key: "level", label: "level", definition: "0 is the level of PTEs, with Linux's name." },
  { key: "table", label: "table", definition: "Where in the script's regions the table page begins." },
  { key: "slots", label: "slots", definition: "Slots of the table, first to last." },
  {
    ...{ key: "change", label: "op" },
    definition: "What the operation did: + filled or made, ~ changed, - emptied or freed.",
  },
  {
    ...{ key: "holds", label: "hold" },
    definition:
      "What is in them. contiguous: pages with the contiguous bit. huge leaf: an entry above level 0 that maps memory.",
  },
  {
    ...{ key: "detail", label: "flags" },
    definition:
      "w writable, o read-only to hardware, d dirty, a accessed, x executable, s special, n PROT_NONE; of tables, where they begin (other: below the program or the stack).",
  },
  { key: "folio", label: "folio", definition: "Size of the folio mapped, and which of its pages where not all are." },
  { key: "frame", label: "frame", definition: "First page frame of memory." },
];

const SIGN = { "": "", new: "+", changed: "~", emptied: "-" } as const;

/** The tables after one operation of a script that the reader writes. */
export const opScriptLive = defineLive({
  id: "op-script",
  title: "Tables of an op script, level by level",
  params,
  inputs: [],
  run: (given) => {
    const { script: text, step, arch, kernel, design, contpte } = given;
    const script = parseScript(text, "script");
    if (script.lines.length > MOST_STEPS)
      throw new UserError(`${script.lines.length} operations: at most ${MOST_STEPS} are shown here`);
    const view = tablesAfter(script, step, { arch, kernel, design, contpte });
    const wanted = view.pages.filter((page) => given.tables === "all tables" || isChanged(page));
    const all = (wanted.length > 0 ? wanted : view.pages.slice(0, 1)).flatMap((page) => rowsOf(page, view));
    const rows = all.slice(0, MOST_ROWS);
    const cut = all.length > rows.length ? ` Of ${all.length} runs of slots the first ${rows.length} are listed.` : "";
    return {
      title: `After operation ${view.step} of ${view.steps}: ${view.line.text.trim()}`,
      caption: `${outcome(view)} ${READING} ${arch}, kernel ${kernel}, entries reached by ${design}.${cut}`,
      alt: altText(view),
      better: "nothing is better or worse; this is a state",
      columns,
      rows,
      origin: {
        designs: [design, arch],
        workload: `op script, ${view.steps} operations`,
        params: given,
        seed: null,
        input: null,
      },
    };
  },
  plot: slotBoxes,
});

const READING =
  "Each table page is a row of boxes, one for each run of slots that hold alike; a box is as wide as its words. " +
  "Heavily outlined, with a sign, is what this operation did: + filled, ~ changed, - emptied.";

const isChanged = (page: TablePage): boolean => page.change !== "" || page.runs.some((run) => run.change !== "");

/** What the operation came to: the kernel's record first, then what the model counted. */
function outcome({ record, counts }: TableView): string {
  const { rc, err, flt, segv, procs } = record;
  const refused = segv === undefined ? "" : `, refused at ${countOf(segv.length, "place")}`;
  const tables = procs.map(({ p, dpte }) => `@${p} ${dpte}`).join(", ");
  const counted = VIEW_EVENTS.filter((event) => counts[event] > 0).map(
    (event) => `${EVENTS[event].split(":")[0]} ${counts[event]}`,
  );
  return (
    `rc ${rc}${err === null ? "" : ` (${err})`}, ${countOf(flt, "fault")}${refused}; ` +
    `table pages above the start: ${tables}; counted: ${counted.join(", ") || "none of splits, folds, tables"}.`
  );
}

function rowsOf(page: TablePage, view: TableView): Row[] {
  const place = { process: `@${page.p}`, level: `${page.level} ${view.levelNames[page.level]}`, table: page.under };
  if (page.change === "freed")
    return [{ ...place, slots: "-", holds: "freed", detail: "", folio: "", frame: "", change: "-" }];
  return page.runs.map((run) => ({ ...place, ...runCells(run, page, view) }));
}

function runCells(run: SlotRun, { level }: TablePage, view: TableView) {
  const end = run.slot + run.n - 1;
  return {
    slots: run.n === 1 ? `${run.slot}` : `${run.slot}-${end}`,
    holds: run.holds,
    detail: run.holds === "table" ? run.leads || "other" : run.flags,
    folio: folioText(run, level, view),
    frame: run.holds === "table" || run.frame < 0 ? "" : String(run.frame),
    change: SIGN[run.change],
  };
}

function folioText({ order, index, n }: SlotRun, level: number, { pageLg2, spans }: TableView): string {
  if (order < 0) return "";
  const size = formatSize(2 ** (pageLg2 + order));
  const pages = n * spans[level]!;
  if (order === 0 || (index === 0 && pages === 2 ** order)) return size;
  if (index === 0 && pages % 2 ** order === 0) return `${pages / 2 ** order} x ${size}`;
  return `${size}: ${index}${pages === 1 ? "" : `-${index + pages - 1}`}`;
}

/** Changes that the alternative text names; there may be hundreds. */
const NAMED = 4;

function altText(view: TableView): string {
  const { pages, levelNames } = view;
  const changes = pages.flatMap((page) => {
    const where = `@${page.p} ${levelNames[page.level]} table ${page.under}`;
    if (page.change === "freed") return [`${where} freed`];
    return page.runs
      .filter((run) => run.change !== "")
      .map((run) => `${where} slots ${runCells(run, page, view).slots} ${run.change}: ${run.holds}`);
  });
  const more = changes.length > NAMED ? ` and ${changes.length - NAMED} more` : "";
  const what = changes.length === 0 ? "nothing" : `${changes.slice(0, NAMED).join("; ")}${more}`;
  return `Boxes of the slots of ${pages.length} table pages after ${view.line.text.trim()}. Changed: ${what}.`;
}
