/**
 * One program on many formats: it writes pieces of 4K of one stretch of addresses, the same bytes everywhere, and the page-fault
 * code of the simulated kernel makes of them what it does on each.
 */
import { formatNamed, formats } from "../../arch/formats.ts";
import { invariant } from "../../base/errors.ts";
import { random } from "../../base/random.ts";
import { GiB, KiB, MiB } from "../../base/size.ts";
import { counts, type EventName } from "../../base/tally.ts";
import { access } from "../../mm/fault.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";
import { kernelFor } from "../layout.ts";

/** A format with a way to map memory on it. */
export interface Granule {
  readonly name: string;
  readonly arch: string;
  /** A policy of `kernelFor`: "base pages", "mTHP" (a contiguous block) or "THP". */
  readonly policy: string;
  readonly contpte: boolean;
}

/** The choices that an arm64 kernel has, 48 bits of address each; the first is what the others are held against. */
export const ARM64_GRANULES: readonly Granule[] = [
  { name: "4K", arch: "arm64-4k", policy: "base pages", contpte: false },
  { name: "4K + 64K folios", arch: "arm64-4k", policy: "mTHP", contpte: false },
  { name: "4K + 64K contpte", arch: "arm64-4k", policy: "mTHP", contpte: true },
  { name: "16K", arch: "arm64-16k", policy: "base pages", contpte: false },
  { name: "16K + 2M contpte", arch: "arm64-16k", policy: "mTHP", contpte: true },
  { name: "64K", arch: "arm64-64k", policy: "base pages", contpte: false },
  { name: "64K + 2M contpte", arch: "arm64-64k", policy: "mTHP", contpte: true },
];

/** Every format with base pages. */
export const ALL_GRANULES: readonly Granule[] = formats.map((f) => ({
  ...{ name: f.name, arch: f.name, policy: "base pages", contpte: true },
}));

/** Sets of granules to put side by side. */
export const GRANULE_SETS: Readonly<Record<string, readonly Granule[]>> = {
  "arm64, 48 bits": ARM64_GRANULES,
  "arm64, every address size": ALL_GRANULES.filter(({ arch }) => arch.startsWith("arm64")),
  "every format": ALL_GRANULES,
};

/** What a program writes: one piece of 4K, anywhere in it, of every `stride` bytes of a stretch. */
export interface Touched {
  readonly mib: number;
  readonly stride: number;
  readonly seed: number;
}

/** Strides by the words that controls show. */
export const STRIDES: Readonly<Record<string, number>> = {
  "all of it": 4 * KiB,
  "4K in every 16K": 16 * KiB,
  "4K in every 64K": 64 * KiB,
  "4K in every 256K": 256 * KiB,
  "4K in every 2M": 2 * MiB,
};

/** First byte of the stretch: within what 32 bits of address name, and aligned to every PMD. */
const START = GiB;

/** Bytes that the program writes at a time. */
export const PIECE = 4 * KiB;

/** A program that has written its pieces. */
export interface Filled {
  readonly mm: Mm;
  /** Byte addresses of the pieces. */
  readonly pieces: Float64Array;
  readonly counts: Readonly<Record<EventName, number>>;
}

/** Runs the program. What it counts is all that it took, from an empty address space on. */
export function fillGranule({ arch, policy, contpte }: Granule, { mib, stride, seed }: Touched): Filled {
  const kernel = kernelFor(policy, { arch, contpte });
  const page = 2 ** formatNamed(arch).pageLg2;
  const before = kernel.tally.slice();
  const mm = new Mm(kernel);
  const err = mmap(mm, { start: START / page, pages: (mib * MiB) / page, flags: Vm.read | Vm.write });
  invariant(err === null, `mmap of ${mib} MiB on ${arch}: ${err}`);
  const rng = random(seed);
  // Not always the first piece: numbers with many low zeros would all lie in a few sets of a TLB.
  const piece = (_: unknown, i: number) => START + i * stride + PIECE * rng.below(stride / PIECE);
  const pieces = Float64Array.from({ length: (mib * MiB) / stride }, piece);
  for (const at of pieces) access(mm, Math.floor(at / page), true);
  return { mm, pieces, counts: counts(kernel.tally, before) };
}
