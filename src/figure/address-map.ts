/**
 * The address-space map as a figure: what maps each page, from all VMAs down to the entries of one table. One look is one figure; its
 * rows say in words and letters what the picture shows, and the path in its parameters says where it was taken.
 */
import { formatSize, hex, KiB } from "../base/size.ts";
import {
  type AddressSpace,
  between,
  kindIndex,
  MAP_KINDS,
  type MapKind,
  type MapRun,
  type MapVma,
  NOT_MAPPED,
} from "../study/map/space.ts";
import { type MapCell, type MapView, stripOf, viewAt } from "../study/map/view.ts";
import { figure } from "./create.ts";
import type { Column, Figure, FigureData, Origin, Row } from "./figure.ts";
import { mapDrawing } from "./map-drawing.ts";
import { kindKey, pagesInWords } from "./map-words.ts";

/** A look at an address space as a figure that shows itself. The path is that of {@link viewAt}: `all`, `7`, `7.3`, `heap`. */
export function addressMap(space: AddressSpace, path: string, origin: Partial<Origin> = {}): Figure {
  return figure({ ...addressMapData(space, path, origin), plot: mapDrawing });
}

/** The same without the way to draw it; what `origin` leaves out is filled in from the space. */
export function addressMapData(space: AddressSpace, path: string, origin: Partial<Origin> = {}): FigureData {
  const view = viewAt(space, path);
  const { columns, rows } = isOfPages(view) ? slotTable(space, view) : stripTable(space, view);
  const cells = view.level === null ? "VMAs" : isOfPages(view) ? "pages" : "ranges";
  const { page, cont, vmas } = space;
  const look = { at: view.path, cells, cont, page, entries: space.spans[1]!, vmas: vmas.length };
  return {
    title: `${space.name}: ${placeOf(space, view)}`,
    caption: `${readingOf(space, view)} ${sumText(space, view)}`,
    alt: `Map of ${placeOf(space, view)} by what maps each page. ${sumText(space, view)}`,
    better: "nothing is better or worse; this is a state",
    columns,
    rows,
    origin: {
      ...{ designs: [], workload: space.name, seed: null, input: null },
      ...origin,
      params: { ...origin.params, map: look },
    },
  };
}

/** Linux's names of what one entry of a level spans. */
const RANGES = ["page", "PMD range", "PUD range", "P4D range", "PGD range"];

const isOfPages = ({ level, entries }: MapView): boolean => level === 0 && entries === 1;

/** What the cells are called: `VMA`, `PMD range`, `range of 32 pages`. An entry of level 1 is a PMD. */
function cellWord({ level, entries }: MapView): string {
  if (level === null) return "VMA";
  return entries === 1 ? RANGES[level]! : `range of ${entries} ${RANGES[level]}s`;
}

function placeOf({ vmas, page }: AddressSpace, view: MapView): string {
  if (view.vma === null) return `${vmas.length} VMAs`;
  const { what, perms } = vmas[view.vma - 1]!;
  const size = sizeText((view.end - view.start) * page);
  return `VMA ${view.vma} of ${vmas.length} (${what} ${perms})${view.up === "all" ? "" : `, part ${view.path}`}, ${size}`;
}

function readingOf({ vmas }: AddressSpace, view: MapView): string {
  if (isOfPages(view))
    return "A square is a page; those of a contiguous block have a common outline. Empty squares are not mapped.";
  const parts =
    "A part of a strip is full where all of its pages are of one kind, and half as high where most of those mapped are.";
  if (view.level !== null) return `Each strip is one ${cellWord(view)}. ${parts}`;
  const which =
    view.cells.length === vmas.length ? "" : `Shown are the ${view.cells.length} VMAs in which most pages are mapped. `;
  return `${which}Each strip is one VMA, in order of address, its length by the logarithm of its size. Slashes are gaps, of whatever size. ${parts}`;
}

/** The pages of the whole look by kind, largest first. */
function sumText({ page }: AddressSpace, { cells }: MapView): string {
  const sums = MAP_KINDS.map((_, kind) => cells.reduce((sum, cell) => sum + cell.pages[kind]!, 0));
  return `${pagesInWords(sums)} (${sizeText(sums.reduce((a, b) => a + b) * page)} in all).`;
}

/** A size with one digit after the point where no unit divides it: `130.5M`. */
function sizeText(bytes: number): string {
  const exact = formatSize(bytes);
  if (exact.length <= 5) return exact;
  const unit = bytes >= KiB ** 3 ? 3 : 2;
  return `${(bytes / KiB ** unit).toFixed(1)}${"KMG"[unit - 1]}`;
}

interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

const DEFINITIONS: Readonly<Record<string, string>> = {
  "PMD leaf": "Pages behind an entry of level 1 that maps memory itself.",
  "contpte block":
    "Pages in contiguous blocks: entries with the contiguous bit; of a capture, whole aligned blocks of one folio, as arm64 would fold them.",
  "large folio": "Pages of folios of more than one page that are mapped by plain PTEs.",
  "single page": "Pages that are a folio of their own.",
  "zero page": "Pages that are mapped to the zero page or the huge zero page.",
  "other memory": "Pages of hugetlb, of a device or a driver.",
  swap: "Pages that lie in swap.",
  guard: "Pages with a guard marker: every access fails.",
  PROT_NONE: "Pages that Linux holds present and hardware refuses.",
  "PUD leaf": "Pages behind a leaf above level 1.",
  marker: "Pages with another marker in their entry, such as that of userfaultfd.",
  "not mapped": "Pages of a VMA without an entry.",
};

function stripTable(space: AddressSpace, view: MapView): Table {
  const shown = MAP_KINDS.filter((_, kind) => view.cells.some((cell) => cell.pages[kind]! > 0));
  const letters = shown.map(({ letter, name }) => `${letter} ${name}`).join(", ");
  const columns: Column[] = [
    { key: "at", label: "at", definition: `Number of the ${cellWord(view)}, with the numbers of what it is in.` },
    { key: "what", label: "what", definition: "What the VMA holds and its permissions, or what spans the range." },
    ...(view.level === null
      ? [{ key: "gap", label: "gap", definition: "yes: not joined to the VMA before it." } as const]
      : []),
    { key: "size", label: "size", definition: "Bytes of addresses." },
    {
      key: "strip",
      label: "strip",
      definition: `Its pages from first to last, at most 16 parts. ${letters}; a small letter where not all pages of the part are of the kind.`,
    },
    { key: "pages", label: "pages", basis: "counted", definition: "Base pages of addresses." },
    ...shown.map(({ name }) => ({
      ...{ key: kindKey(name), label: name, unit: "pages", basis: "counted" as const },
      definition: DEFINITIONS[name]!,
    })),
  ];
  return { columns, rows: view.cells.map((cell) => stripRow(space, view, cell, shown)) };
}

function stripRow(space: AddressSpace, view: MapView, cell: MapCell, shown: readonly { name: MapKind }[]): Row {
  const number = view.vma ?? Number(cell.path);
  const vma = space.vmas[number - 1]!;
  const before = space.vmas[number - 2];
  return {
    at: cell.path ?? "",
    what: view.level === null ? `${vma.what} ${vma.perms}` : cellWord(view),
    ...(view.level === null ? { gap: before === undefined || before.end < vma.start } : {}),
    size: sizeText((cell.end - cell.start) * space.page),
    strip: stripText(vma, cell.start, cell.end),
    pages: cell.end - cell.start,
    ...Object.fromEntries(shown.map(({ name }) => [kindKey(name), cell.pages[kindIndex(name)]!])),
  };
}

function stripText(vma: MapVma, start: number, end: number): string {
  return stripOf(vma, start, end).map(letterOf).join("");
}

/** The letter of the kind that holds most of what is mapped; small where it does not hold all of the pages. */
function letterOf(pages: readonly number[]): string {
  const most = pages.reduce((best, n, kind) => (kind < NOT_MAPPED && n > (pages[best] ?? 0) ? kind : best), -1);
  if (most < 0) return MAP_KINDS[NOT_MAPPED]!.letter;
  const { letter } = MAP_KINDS[most]!;
  return pages[most] === pages.reduce((a, b) => a + b) ? letter : letter.toLowerCase();
}

function slotTable(space: AddressSpace, view: MapView): Table {
  const vma = space.vmas[view.vma! - 1]!;
  const rows = view.cells.map((cell, i) => slotRow(space, vma, cell.start, `${view.path}.${i + 1}`));
  const columns: Column[] = [
    { key: "at", label: "at", definition: "Number of the page, with the numbers of what it is in." },
    { key: "slot", label: "slot", definition: "Which entry of its table maps it.", role: "parameter" },
    { key: "holds", label: "holds", definition: holdsDefinition(rows) },
    { key: "folio", label: "folio", definition: "Size of the folio and which of its pages this is, from 0 on." },
    { key: "frame", label: "frame", definition: "Page frame; those of a capture have been renumbered." },
    { key: "word", label: "entry", definition: "The entry that maps it, as it is in memory." },
    {
      ...{ key: "says", label: "says" },
      definition:
        "What the entry says: w writable, d dirty, a accessed, x executable, s special, n PROT_NONE, C contiguous.",
    },
  ];
  return { columns: space.entry === undefined ? columns.slice(0, -2) : columns, rows };
}

function holdsDefinition(rows: readonly Row[]): string {
  const kinds = [...new Set(rows.map((row) => String(row.holds)))];
  return kinds.map((kind) => `${kind}: ${DEFINITIONS[kind]}`).join(" ");
}

function slotRow(space: AddressSpace, vma: MapVma, page: number, at: string): Row {
  const [run] = between(vma.runs, page, page + 1);
  return {
    at,
    slot: page % space.spans[1]!,
    holds: run?.kind ?? "not mapped",
    ...frameCells(space, run, page),
    ...space.entry?.(page),
  };
}

function frameCells(space: AddressSpace, run: MapRun | undefined, page: number) {
  if (run === undefined || run.pfn < 0) return { folio: "", frame: "" };
  const index = (run.index + page - run.start) % 2 ** run.order;
  const size = formatSize(space.page * 2 ** run.order);
  return { folio: run.order === 0 ? size : `${size}: ${index}`, frame: hex(run.pfn + page - run.start) };
}
