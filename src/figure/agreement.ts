/**
 * Agreement with recorded kernel runs as figures: by kernel and format, and by field of the record.
 */
import { type FieldName, RECORD_FIELDS } from "../study/ops/compare.ts";
import type { Agreement } from "../study/ops/summary.ts";
import { figure } from "./create.ts";
import type { Column, Figure, Origin, Row } from "./figure.ts";

/** What each field of a record is, and where the recorder read it. */
export const FIELD_MEANINGS: Readonly<Record<FieldName, string>> = {
  rc: "what the system call returned",
  err: "its errno",
  flt: "page faults of the operation (ru_minflt and ru_majflt, as a difference)",
  segv: "the places where a touch was answered with SIGSEGV",
  vals: "the words that a program reads back",
  res: "mincore's answer, page by page",
  dpte: "page-table pages of the process beyond those at the start (VmPTE)",
  vmas: "the VMAs: offset, length, permissions (smaps)",
  rss: "Rss, Anonymous, AnonHugePages and Swap of each VMA (smaps)",
  runs: "for each page: none, zero page, guard, swap, mapped by PTE or PMD; order and place in its folio; exclusive (pagemap, kpageflags)",
  maps: "for each page: how often it is mapped, by all processes together (kpagecount)",
  pt: "every raw entry of every level: kind, writable, dirty, accessed, executable, special, PROT_NONE (the guest's memory)",
  cont: "for each raw entry: the contiguous bit",
  tables: "table pages under each region, by level",
};

const COUNTS: readonly Column[] = [
  { key: "compared", label: "compared", basis: "counted", definition: "Fields compared." },
  {
    ...{ key: "different", label: "different", basis: "counted" },
    definition: "Fields in which the model's text is not the kernel's.",
  },
];

const total = ({ perField }: Agreement, key: "compared" | "different", fields: readonly FieldName[] = RECORD_FIELDS) =>
  fields.reduce((sum, name) => sum + perField[name][key], 0);

function origin(rows: readonly Agreement[]): Origin {
  const scripts = rows.reduce((sum, row) => sum + row.scripts, 0);
  const workload = `${scripts} recorded scripts, replayed`;
  const params = { fields: RECORD_FIELDS, kernels: [...new Set(rows.map((row) => row.kernel))] };
  return { designs: [...new Set(rows.map((row) => row.arch))], workload, params, seed: null, input: null };
}

/** A row for each kernel and format that was recorded. */
export function agreementFigure(agreements: readonly Agreement[]): Figure {
  const sum = (key: "compared" | "different") => agreements.reduce((all, row) => all + total(row, key), 0);
  const [compared, different] = [sum("compared"), sum("different")];
  return figure({
    title: "The model against recorded kernels",
    caption:
      "Scripts replayed in the model, operation by operation, and compared in every field that the recording has. A script is " +
      "left at its first difference, and at an operation that the model lacks.",
    alt: `Bars of fields compared for ${agreements.length} kernels and formats: ${compared} fields in all, ${different} different.`,
    better: "fewer differences, and more fields compared",
    columns: [
      { key: "kernel", label: "kernel", definition: "Version that the recorded kernel gave (uname -r)." },
      { key: "arch", label: "format", definition: "Page-table format of the machine." },
      { key: "scripts", label: "scripts", basis: "counted", definition: "Op scripts recorded and replayed." },
      {
        key: "left",
        label: "left",
        basis: "counted",
        definition: "Of these, left because the model lacks an operation.",
      },
      { key: "ops", label: "ops", basis: "counted", definition: "Operations compared." },
      ...COUNTS,
    ],
    rows: agreements.map((row) => ({
      ...{ kernel: row.kernel, arch: row.arch, scripts: row.scripts, left: row.cut, ops: row.ops },
      ...{ compared: total(row, "compared"), different: total(row, "different") },
    })),
    origin: origin(agreements),
    plot: (Plot, frame) => {
      const rows = frame.rows.map((row): Row => ({ ...row, name: `${row.kernel} ${row.arch}` }));
      const bars = [
        { name: "compared", key: "compared" },
        { name: "different", key: "different" },
      ].flatMap(({ name, key }) => rows.map((row): Row => ({ ...row, series: name, value: row[key]! })));
      const all = frame.series("series", "fill", bars);
      return {
        x: frame.axis(["compared", "different"], { label: "fields", insetRight: 48 }),
        y: { axis: null, domain: all.map((s) => s.name) },
        fy: { domain: rows.map((row) => String(row.name)), label: null, axis: "left", padding: 0.15 },
        height: rows.length * 44 + 48,
        marks: all.flatMap((s) => [
          Plot.barX(s.rows, { fy: "name", y: () => s.name, x: "value", fill: s.fill, stroke: s.colour }),
          Plot.text(s.rows, { fy: "name", y: () => s.name, x: "value", text: "value", textAnchor: "start", dx: 5 }),
        ]),
      };
    },
  });
}

/** A row for each field, over all kernels; a field that no recording has is there with 0. */
export function fieldsFigure(agreements: readonly Agreement[]): Figure {
  const rows = RECORD_FIELDS.map((field) => ({
    ...{ field, meaning: FIELD_MEANINGS[field] },
    compared: agreements.reduce((sum, row) => sum + total(row, "compared", [field]), 0),
    different: agreements.reduce((sum, row) => sum + total(row, "different", [field]), 0),
  }));
  const most = rows.reduce((a, b) => (a.compared >= b.compared ? a : b));
  return figure({
    title: "The model against recorded kernels, by field",
    caption: "The same comparisons by field of the record. A field counts once an operation, a process or a region.",
    alt: `Bars of comparisons for ${rows.length} fields, most (${most.compared}) for ${most.field}; different: ${rows.map((r) => r.different).join(", ")}.`,
    better: "fewer differences",
    columns: [
      { key: "field", label: "field", definition: "Name of the field in a record." },
      { key: "meaning", label: "what it is", definition: "What it says, and where the recorder read it." },
      ...COUNTS,
    ],
    rows,
    origin: origin(agreements),
    plot: (Plot, frame) => ({
      x: frame.axis("compared", { insetRight: 84 }),
      y: frame.axis("field", { label: null }),
      marks: [
        ...frame
          .series("series", "fill", frame.unpivot(["compared"]))
          .map((s) => Plot.barX(s.rows, { x: "value", y: "field", fill: s.fill })),
        Plot.text(frame.rows, {
          ...{ x: "compared", y: "field", textAnchor: "start", dx: 5 },
          text: (row: Row) => `${row.different} different`,
        }),
      ],
    }),
  });
}
