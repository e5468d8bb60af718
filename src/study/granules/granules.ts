/**
 * What other page sizes would change for one and the same program: page tables, TLB entries, faults, memory that nobody asked
 * for, and what its loads read of the tables.
 *
 * Not modelled: file pages, heaps that reuse freed memory, the cost of clearing larger pages, caches of a real product.
 */
import { invariant } from "../../base/errors.ts";
import { random } from "../../base/random.ts";
import { KiB, MiB } from "../../base/size.ts";
import type { Mm } from "../../mm/mm.ts";
import { AccessKind, LINE_LG2, newAccessWords, setAccess } from "../../mmu/access-words.ts";
import { genericCore } from "../../mmu/generic.ts";
import { Mmu, type MmuCounts, type MmuSpec } from "../../mmu/simulate.ts";
import { coverageOf } from "../coverage/coverage.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { accountedBytes } from "../ops/report.ts";
import { bytesOfTable } from "./geometry.ts";
import { ARM64_GRANULES, type Filled, fillGranule, GRANULE_SETS, type Granule, PIECE, STRIDES } from "./layouts.ts";

/** One way to map the program's memory, and what it counted. */
export interface GranuleRow {
  readonly name: string;
  readonly faults: number;
  /** Slots of page tables that the faults wrote. */
  readonly slotsWritten: number;
  /** Table pages, the root's included. */
  readonly tables: number;
  /** All tables in KiB, the root's included. */
  readonly tableKiB: number;
  /** Tables in kB as VmPTE of /proc/PID/status has them: not the root, and none above the PUD. */
  readonly vmPte: number;
  /** Translations that cover what is mapped, where a contiguous block or a larger leaf is one. */
  readonly entries: number;
  /** Memory in MiB that the program wrote, and that it holds. */
  readonly written: number;
  readonly memory: number;
  /** Loads that miss in every TLB level, per 1000. */
  readonly misses: number;
  /** Slots that the walker read, per 1000 loads. */
  readonly reads: number;
  /** Slots that it reads for one load if nothing is cached. */
  readonly coldReads: number;
  /** Lines of 64 bytes in which all slots lie that lead to the program's memory. */
  readonly lines: number;
}

/** Parameters of the program and the core. */
export const programParams = {
  mib: { kind: "choice", label: "memory", options: ["4M", "16M", "64M", "128M"], default: "64M" },
  touched: { kind: "choice", label: "written", options: Object.keys(STRIDES), default: "all of it" },
  tlb: { kind: "choice", label: "TLB entries", options: ["256", "512", "1024", "2048"], default: "512" },
  walkCache: { kind: "toggle", label: "walk caches", default: true },
  seed: { kind: "range", label: "seed", min: 1, max: 99, step: 1, default: 1 },
} as const;
type Program = ParamsOf<typeof programParams>;

const granuleParams = {
  which: { kind: "choice", label: "side by side", options: Object.keys(GRANULE_SETS), default: "arm64, 48 bits" },
  ...programParams,
} as const;

/** "What would other page sizes change?" */
export const granules: Experiment<typeof granuleParams, GranuleRow> = {
  id: "granules",
  question: "What would 16K or 64K pages change for one and the same program?",
  params: granuleParams,
  run: (params, _input, effects) => {
    const list = GRANULE_SETS[params.which]!;
    return list.map((granule, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, list.length);
      return granuleRow(granule, params);
    });
  },
};

/** The row of one way to map the program's memory. */
export function granuleRow(granule: Granule, params: Program): GranuleRow {
  const { mib, touched, seed } = params;
  const filled = fillGranule(granule, { mib: Number.parseInt(mib, 10), stride: STRIDES[touched]!, seed });
  const { mm, pieces, counts } = filled;
  const { format } = mm.kernel;
  return {
    name: granule.name,
    ...{ faults: counts.faults, slotsWritten: counts.slotsWritten },
    tables: sum(mm.pt.tablesAt),
    tableKiB: sum(mm.pt.tablesAt.map((n, level) => n * bytesOfTable(format, level))) / KiB,
    vmPte: accountedBytes(mm) / KiB,
    entries: coverageOf(mm).entries,
    ...{ written: (pieces.length * PIECE) / MiB, memory: (mm.anonPages * 2 ** format.pageLg2) / MiB },
    ...randomLoads(filled, params),
    ...everyPieceOnce(filled),
  };
}

const sum = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((a, b) => a + b, 0);

/** Loads that fill TLBs and walk caches, and loads that are counted. */
const WARM_UP = 8192;
const COUNTED = 16384;

/** Random loads from the pieces that were written, the same pieces on every format. */
function randomLoads({ mm, pieces }: Filled, { tlb, walkCache, seed }: Program): Pick<GranuleRow, "misses" | "reads"> {
  const { format, accessDirty } = mm.kernel;
  const rng = random(seed);
  const addresses = Float64Array.from({ length: WARM_UP + COUNTED }, () => pieces[rng.below(pieces.length)]!);
  const core = genericCore(format, { tlbEntries: Number(tlb), walkCache, contiguous: true, accessDirty });
  const { walks, reads } = load(mm, core, addresses, WARM_UP);
  return { misses: (1000 * walks) / COUNTED, reads: (1000 * sum(reads)) / COUNTED };
}

/** One load from each piece, by a core that caches nothing: what there is to read. */
function everyPieceOnce({ mm, pieces }: Filled): Pick<GranuleRow, "coldReads" | "lines"> {
  const nothing = { tlb: [], walkCache: [], accessDirty: mm.kernel.accessDirty };
  const { reads, lines } = load(mm, nothing, pieces, 0);
  return { coldReads: sum(reads) / pieces.length, lines: sum(lines) };
}

/** Loads from byte addresses; those before `from` are not counted. */
function load(mm: Mm, core: MmuSpec, addresses: Float64Array, from: number): MmuCounts {
  const words = newAccessWords(addresses.length);
  for (const [i, at] of addresses.entries()) setAccess(words, i, Math.floor(at / 2 ** LINE_LG2), AccessKind.load);
  const mmu = new Mmu(mm.pt, core);
  mmu.run(words.subarray(0, 2 * from));
  mmu.reset();
  mmu.run(words.subarray(2 * from));
  const found = mmu.counts();
  invariant(found.faults === 0, `a load of written memory faulted on ${mm.kernel.format.name}`);
  return found;
}

/** What a difference between two granules is made of: a name with its unit, and the cell of a row. */
export const GRANULE_CAUSES = {
  faults: "faults",
  slotsWritten: "slots written",
  tables: "table pages",
  tableKiB: "tables, KiB",
  vmPte: "VmPTE, kB",
  entries: "TLB entries",
  memory: "memory, MiB",
  misses: "misses/1000",
  reads: "reads/1000",
  coldReads: "reads, cold",
  lines: "table lines",
} as const satisfies Partial<Record<keyof GranuleRow, string>>;

/** One cause on both sides. */
export interface GranuleCause {
  readonly cause: string;
  readonly a: number;
  readonly b: number;
  readonly difference: number;
  /** In per cent of A; null where A has none. */
  readonly percent: number | null;
}

const NAMES = ARM64_GRANULES.map((g) => g.name);

const abParams = {
  a: { kind: "choice", label: "A", options: NAMES, default: "4K + 64K contpte" },
  b: { kind: "choice", label: "B", options: NAMES, default: "64K" },
  ...programParams,
} as const;

/** "What is the difference between two page sizes made of?" */
export const granulePair: Experiment<typeof abParams, GranuleCause> = {
  id: "granule-pair",
  question: "What is the difference between two ways to map the same program made of?",
  params: abParams,
  run: (params) => {
    const named = (name: string) => granuleRow(ARM64_GRANULES.find((g) => g.name === name)!, params);
    const [x, y] = [named(params.a), named(params.b)];
    return Object.entries(GRANULE_CAUSES).map(([key, cause]) => {
      const [a, b] = [x[key as keyof typeof GRANULE_CAUSES], y[key as keyof typeof GRANULE_CAUSES]];
      return { cause, a, b, difference: b - a, percent: a === 0 ? null : (100 * (b - a)) / a };
    });
  },
};
