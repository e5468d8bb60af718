/**
 * What hiding an entry costs: the same small things done to one contiguous block with plain loads and stores, and with the
 * helpers; what `ptep_get` reads; what a fold or an unfold does with and without its invalidation; how a run is cut.
 *
 * Everything is counted around the one call in question, on a block that was mapped by one `set_ptes` just before.
 */
import { A, Kind } from "../../arch/entry.ts";
import { formatNamed, formats } from "../../arch/formats.ts";
import { counts, countsOf, type EventName } from "../../base/tally.ts";
import { tryUnfold } from "../../pgtable/contpte.ts";
import type { ContpteRules } from "../../pgtable/contpte-rules.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import { ptepGet, setPtes, wrprotectPtes } from "../../pgtable/ptep.ts";
import { encapsulated, KernelStack, type PteAccess, rawAccess } from "../../pgtable/raw-access.ts";
import { barePageTable } from "../bare-table.ts";
import type { Experiment } from "../experiment.ts";
import { isWholeBlock } from "./detector.ts";
import { ACCESSES, type AccessName } from "./world.ts";

/** Formats whose entries contpte folds. */
export const FOLDING_FORMATS: readonly string[] = formats.filter((f) => f.contpte).map((f) => f.name);

/** A page table, and as many slots of an empty PTE table of it as a block has. */
interface Block {
  readonly pt: PageTable;
  readonly first: number;
  readonly pages: number;
}

function emptyBlock(arch: string, contpte: boolean, contpteRules: Partial<ContpteRules>): Block {
  const format = formatNamed(arch);
  const pt = barePageTable(format, { contpte, contpteRules });
  return { pt, first: pt.findOrMake(2 * pt.span[1]!, 0), pages: 2 ** format.contLg2[0]! };
}

/** One block of one folio, mapped writable by one `set_ptes`. */
function mappedBlock(arch: string, contpte: boolean, rules: Partial<ContpteRules>): Block {
  const block = emptyBlock(arch, contpte, rules);
  const { pt, first, pages } = block;
  setPtes(pt, first, pt.frames.alloc(pt.format.contLg2[0]!), A.write, pages);
  return block;
}

/** Something that is done to a block through one of the two accesses. */
interface EntryOp {
  readonly name: string;
  readonly act: (access: PteAccess, block: Block) => void;
}

const nothing = (): void => {};
/** An entry in the midst of the block. */
const inside = ({ first }: Block) => first + 2;
const each = ({ first, pages }: Block) => Array.from({ length: pages }, (_, i) => first + i);

function takeAndPut(access: PteAccess, pt: PageTable, slot: number): void {
  const { pfn, attrs } = access.take(pt, slot, nothing);
  access.set(pt, slot, pfn, attrs);
}

/** What is done, in the order in which figures show it. */
export const ENTRY_OPS: readonly EntryOp[] = [
  { name: "read an entry", act: (a, b) => void a.get(b.pt, inside(b)) },
  {
    name: "read every entry",
    act: (a, b) => {
      for (const slot of each(b)) a.get(b.pt, slot);
    },
  },
  { name: "clear accessed", act: (a, b) => void a.testAndClearYoung(b.pt, inside(b), nothing) },
  { name: "set dirty", act: (a, b) => a.allow(b.pt, inside(b), A.young | A.dirty) },
  { name: "write-protect one", act: (a, b) => a.wrprotect(b.pt, inside(b), nothing) },
  { name: "take one out", act: (a, b) => void a.take(b.pt, inside(b), nothing) },
  { name: "one out and back", act: (a, b) => takeAndPut(a, b.pt, inside(b)) },
  {
    name: "all out and back",
    act: (a, b) => {
      for (const slot of each(b)) takeAndPut(a, b.pt, slot);
    },
  },
];

/** Counts that a row shows, all of them {@link EventName}s. */
export const ENTRY_EVENTS = [
  "slotsRead",
  "slotsWritten",
  "contpteUnfolds",
  "contpteFolds",
  "flushRanges",
] as const satisfies readonly EventName[];

/** What a block is once something was done to it: one entry, plain entries, or neither. */
export type BlockState = "contiguous" | "plain" | "broken";

/** One thing done in one way, and what it counted. */
export type EntryCostRow = { readonly op: string; readonly access: AccessName; readonly after: BlockState } & {
  readonly [K in (typeof ENTRY_EVENTS)[number]]: number;
};

const PARAMS = {
  arch: { kind: "choice", label: "format", options: FOLDING_FORMATS, default: "arm64-4k" },
  contpte: { kind: "toggle", label: "contpte", default: true },
  bbml2: { kind: "toggle", label: "folds without invalidation (BBML2)", default: false },
  gatherStops: { kind: "toggle", label: "ptep_get stops early", default: false },
} as const;

/** "What do the helpers do that a plain load or store does not?" */
export const entryCosts: Experiment<typeof PARAMS, EntryCostRow> = {
  id: "entry-costs",
  question: "What do the helpers do to a contiguous block that plain loads and stores do not?",
  params: PARAMS,
  run: ({ arch, contpte, bbml2, gatherStops }, _input, effects) =>
    ENTRY_OPS.flatMap((op, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, ENTRY_OPS.length);
      return ACCESSES.map((access) => oneCost(op, access, mappedBlock(arch, contpte, { bbml2, gatherStops })));
    }),
};

function oneCost(op: EntryOp, access: AccessName, block: Block): EntryCostRow {
  const { pt } = block;
  const way = access === "raw" ? rawAccess(new KernelStack(pt, 2 * block.pages)) : encapsulated;
  const before = pt.tally.slice();
  op.act(way, block);
  const counted = countsOf(ENTRY_EVENTS, pt.tally, before);
  return { op: op.name, access, after: stateOf(block), ...counted };
}

function stateOf(block: Block): BlockState {
  const { pt } = block;
  const folded = each(block).filter((slot) => pt.kind(slot, 0) === Kind.leaf && (pt.attrs(slot) & A.cont) !== 0);
  if (folded.length === 0) return "plain";
  return isWholeBlock(pt, folded[0]!, 0) ? "contiguous" : "broken";
}

/** Reads of one `ptep_get`, by what hardware has noted in the block. */
export interface GetRow {
  readonly noted: string;
  /** As long as the whole block was always read. */
  readonly always: number;
  /** Since reading stops once both accessed and dirty were seen (7.x). */
  readonly stops: number;
}

/** What hardware may have noted before the read: attributes by position in the block, -1 being its last entry. */
const NOTED: readonly { readonly noted: string; readonly at: Readonly<Record<number, number>> }[] = [
  { noted: "nothing", at: {} },
  { noted: "accessed, on the first entry", at: { 0: A.young } },
  { noted: "accessed and dirty, on the first", at: { 0: A.young | A.dirty } },
  { noted: "accessed on the first, dirty on the eighth", at: { 0: A.young, 7: A.dirty } },
  { noted: "accessed and dirty, on the last", at: { [-1]: A.young | A.dirty } },
];

/** What one `ptep_get` of an entry reads: of a plain entry first, then of a contiguous one. */
export function ptepGetReads(arch: string): GetRow[] {
  const reads = (contpte: boolean, gatherStops: boolean, at: Readonly<Record<number, number>>) => {
    const block = mappedBlock(arch, contpte, { gatherStops });
    for (const [i, bits] of Object.entries(at)) noteAt(block, Number(i), bits);
    const before = block.pt.tally.slice();
    ptepGet(block.pt, inside(block));
    return counts(block.pt.tally, before).slotsRead;
  };
  const plain = { noted: "(a plain entry)", always: reads(false, false, {}), stops: reads(false, true, {}) };
  const folded = NOTED.map(({ noted, at }) => ({
    noted,
    always: reads(true, false, at),
    stops: reads(true, true, at),
  }));
  return [plain, ...folded];
}

/** As hardware does it: the word of one entry, and no other, gets the bits. */
function noteAt({ pt, first, pages }: Block, i: number, bits: number): void {
  const slot = first + (i < 0 ? pages + i : i);
  const [pfn, attrs] = [pt.pfn(slot), pt.attrs(slot) | bits];
  pt.write(slot, pt.format.leafLo(pfn, attrs, 0), pt.format.leafHi(pfn, attrs, 0));
}

/** A convert and what it counted. */
export interface ConvertRow {
  readonly convert: "unfold" | "fold";
  readonly bbml2: boolean;
  readonly slotsRead: number;
  readonly slotsWritten: number;
  readonly flushRanges: number;
  readonly flushPages: number;
}

/** An unfold by itself, and a fold with the store of the last entry that sets it off; each with and without BBML2. */
export function convertCosts(arch: string): ConvertRow[] {
  return [false, true].flatMap((bbml2) => {
    const { pt, first, pages } = mappedBlock(arch, true, { bbml2 });
    const last = first + pages - 1;
    const unfold = counted(pt, () => tryUnfold(pt, last));
    const fold = counted(pt, () => setPtes(pt, last, pt.pfn(last), pt.attrs(last), 1));
    return [
      { convert: "unfold" as const, bbml2, ...unfold },
      { convert: "fold" as const, bbml2, ...fold },
    ];
  });
}

function counted(pt: PageTable, act: () => void) {
  const before = pt.tally.slice();
  act();
  return countsOf(["slotsRead", "slotsWritten", "flushRanges", "flushPages"], pt.tally, before);
}

/** What one `set_ptes` made of the part of its run that lies in one block. */
export interface PieceRow {
  /** First page, counted from the start of the table. */
  readonly page: number;
  readonly pages: number;
  /** How far into a block of frames its first frame is. */
  readonly frame: number;
  readonly contiguous: boolean;
}

/**
 * How one `set_ptes` of `nr` pages into an empty table is cut, from a page of the table on. Its first frame is as far into a
 * block as that page is, and `off` frames further.
 */
export function setPtesPieces(arch: string, page: number, nr: number, off: number): PieceRow[] {
  const { pt, first, pages } = emptyBlock(arch, true, {});
  setPtes(pt, first + page, pages + (page % pages) + off, A.write, nr);
  const rows: PieceRow[] = [];
  for (let i = 0; i < nr; i += rows.at(-1)!.pages) {
    const slot = first + page + i;
    const n = Math.min(nr - i, pages - ((page + i) % pages));
    const contiguous = (pt.attrs(slot) & A.cont) !== 0;
    rows.push({ page: page + i, pages: n, frame: pt.pfn(slot) % pages, contiguous });
  }
  return rows;
}

/** What write protection of one run of pages unfolds. */
export interface EdgeRow {
  /** First page of the run, counted from the start of the first of three contiguous blocks. */
  readonly page: number;
  readonly pages: number;
  /** Blocks that the run touches, and those of them that lose their contiguous bit. */
  readonly blocks: number;
  readonly unfolds: number;
}

/** Three contiguous blocks, and for each run of `[page, pages]` in them what `wrprotect_ptes` unfolds; afresh each time. */
export function edgeUnfolds(arch: string, runs: readonly (readonly [page: number, pages: number])[]): EdgeRow[] {
  return runs.map(([page, nr]) => {
    const { pt, first, pages } = emptyBlock(arch, true, {});
    setPtes(pt, first, 0, A.write, 3 * pages);
    const before = pt.tally.slice();
    wrprotectPtes(pt, first + page, nr);
    const blocks = Math.ceil((page + nr) / pages) - Math.floor(page / pages);
    return { page, pages: nr, blocks, unfolds: counts(pt.tally, before).contpteUnfolds };
  });
}
