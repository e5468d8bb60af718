/**
 * Published times of operations before and after they dealt with a folio at once. Measured by others, on their machines, with
 * their kernels: what can be compared with counts is the shape.
 */
import type { BatchedOp } from "./operations.ts";

/** Seconds for one size of folio. */
export interface PublishedRow {
  /** Order of the folio, at 4K pages. */
  readonly order: number;
  readonly before: number;
  readonly after: number;
  /** Folios of the size of a huge leaf stay mapped by one entry. */
  readonly pmd?: boolean;
}

/** A published table. */
export interface PublishedTable {
  readonly name: string;
  readonly operation: BatchedOp;
  /** Format of the machine that was measured. */
  readonly arch: string;
  readonly by: string;
  readonly machine: string;
  readonly date: string;
  /** Times that the operation was done in the seconds of a row. Default once. */
  readonly times?: number;
  readonly rows: readonly PublishedRow[];
}

const rows = (...seconds: readonly (readonly [order: number, before: number, after: number])[]): PublishedRow[] =>
  seconds.map(([order, before, after]) => ({ order, before, after }));

/** Series "Optimize mprotect() for large folios" v5: 1 GiB, read-only and back 40 times. */
const JAIN = { operation: "mprotect", by: "Dev Jain", date: "2025-07-18", times: 40 } as const;
const XEON = "Intel Xeon Silver 4210R";

/** The published tables. Every one is of 1 GiB; seconds as they were published. */
export const PUBLISHED: readonly PublishedTable[] = [
  {
    ...{ name: "munmap, x86-64", operation: "munmap", arch: "x86-64" },
    ...{ by: "David Hildenbrand", machine: XEON, date: "2024-01-29" },
    rows: rows(
      [0, 0.05811, 0.057715],
      [2, 0.044198, 0.035469],
      [3, 0.034216, 0.023522],
      [4, 0.029207, 0.018434],
      [5, 0.026579, 0.014026],
      [6, 0.02513, 0.011756],
      [7, 0.024292, 0.010703],
      [8, 0.023812, 0.010294],
      [9, 0.023785, 0.00991],
    ),
  },
  {
    ...{ name: "MADV_FREE, x86-64", operation: "MADV_FREE", arch: "x86-64" },
    ...{ by: "Lance Yang", machine: "Intel Core i5", date: "2024" },
    rows: [
      ...rows(
        [0, 0.590251, 0.590259],
        [2, 2.990447, 0.185655],
        [3, 2.547831, 0.10487],
        [4, 2.457796, 0.052812],
        [5, 2.281034, 0.032777],
        [6, 2.230387, 0.017496],
        [7, 2.189106, 0.010781],
        [8, 2.183949, 0.007753],
      ),
      { order: 9, before: 0.002799, after: 0.002804, pmd: true },
    ],
  },
  {
    ...{ name: "fork, x86-64", operation: "fork", arch: "x86-64" },
    ...{ by: "David Hildenbrand", machine: XEON, date: "2024-01-25" },
    rows: rows(
      [0, 0.014328, 0.014035],
      [2, 0.014263, 0.01196],
      [3, 0.014334, 0.01094],
      [4, 0.014046, 0.010444],
      [5, 0.014011, 0.010063],
      [6, 0.013993, 0.009938],
      [7, 0.013983, 0.00985],
      [8, 0.013986, 0.00982],
      [9, 0.014305, 0.010076],
    ),
  },
  {
    ...{ ...JAIN, name: "mprotect, arm64", arch: "arm64-4k", machine: "Apple M3" },
    rows: rows([0, 1.0, 1.1], [4, 2.0, 0.7], [9, 2.1, 0.65]),
  },
  {
    ...{ ...JAIN, name: "mprotect, x86-64", arch: "x86-64", machine: "an x86-64 machine" },
    rows: rows([0, 3.85, 3.9], [4, 3.7, 3.7], [9, 3.75, 3.7]),
  },
];

/**
 * Change of time in per cent, without contpte and with it, against the kernel before it: "Transparent Contiguous PTEs for User
 * Mappings" v4, Ryan Roberts, 2023-12-18. Folios of order 9 are mapped by PTEs.
 */
export interface PublishedContpte {
  readonly operation: BatchedOp;
  readonly order: number;
  readonly machine: "M2" | "Altra";
  readonly off: number;
  readonly on: number;
}

/** The published microbenchmarks of contpte. */
export const PUBLISHED_CONTPTE: readonly PublishedContpte[] = [
  { operation: "fork", order: 0, machine: "M2", off: -1.0, on: 2.6 },
  { operation: "fork", order: 0, machine: "Altra", off: -0.1, on: 1.8 },
  { operation: "fork", order: 9, machine: "M2", off: -0.1, on: -25.4 },
  { operation: "fork", order: 9, machine: "Altra", off: -0.1, on: -6.7 },
  { operation: "DONTNEED", order: 0, machine: "M2", off: -9.6, on: -10.2 },
  { operation: "DONTNEED", order: 0, machine: "Altra", off: -0.2, on: 1.3 },
  { operation: "DONTNEED", order: 9, machine: "M2", off: -4.9, on: -9.9 },
  { operation: "DONTNEED", order: 9, machine: "Altra", off: -0.1, on: 14.1 },
  { operation: "munmap", order: 0, machine: "M2", off: -1.9, on: 1.9 },
  { operation: "munmap", order: 0, machine: "Altra", off: -0.2, on: 2.0 },
  { operation: "munmap", order: 9, machine: "M2", off: -4.7, on: -6.0 },
  { operation: "munmap", order: 9, machine: "Altra", off: -3.2, on: -0.6 },
];

/** Calls of realloc a second before mremap moved runs, with the regression, and with its fix (Lorenzo Stoakes, 2025-08-07, x86-64). */
export const PUBLISHED_REALLOC = { before: 143_857, regressed: 81_503, fixed: 138_701 } as const;
