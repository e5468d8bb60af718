/**
 * Reads the older capture format, that of the oracle's `snap` program (`{"snap":1,...}`), by rewriting it as a record of
 * our own format, which then goes through the same checks. smaps' amounts are not in it; they are made from the classes.
 *
 * Its option -n gives a run the new number of its first frame's 2 MiB block, so that a run that goes on into the next
 * block runs into the number of some other. Such runs get blocks of their own here: they keep their contiguity.
 */
import type { Raw } from "../../base/shape.ts";
import type { CaptureArch, PageClass } from "./format.ts";
import { CLASSES, isAnon, isMemory } from "./format.ts";
import type { Fail } from "./record.ts";

const ARCH: Readonly<Record<string, CaptureArch>> = { x86_64: "x86-64", aarch64: "arm64-4k" };
const KB_PER_PAGE = 4;

/** A record of our own format with what the older one holds. The process's name is dropped. */
export function snapCapture(raw: Raw, fail: Fail): Raw {
  if (raw.snap !== 1) fail("this version of the snap format is not known: version 1 is allowed");
  const release = /^(\d+\.\d+)/.exec(String(raw.kernel));
  const vmas = raw.vmas;
  if (!Array.isArray(vmas)) fail("'vmas' is not a list");
  const moved = ownBlocks(vmas as unknown[]);
  return {
    ptlab: "capture",
    version: 1,
    arch: ARCH[String(raw.arch)] ?? "other",
    kernel: release === null ? undefined : release[1],
    page: raw.page,
    pmdOrder: 9,
    VmPTE: raw.vmpte,
    vmas: (vmas as unknown[]).map((vma, i) => snapVma(vma, moved, (what) => fail(`VMA ${i}: ${what}`))),
  };
}

/** Frames of the 2 MiB blocks that the older format keeps together. */
const BLOCK = 512;

/** Gives a run that crosses a block's end new blocks, one apart from all others; leaves every other value as it is. */
function ownBlocks(vmas: readonly unknown[]): (run: unknown) => unknown {
  let next = 2 + Math.floor(vmas.reduce((top: number, vma) => Math.max(top, lastPfn(vma)), 0) / BLOCK);
  return (run) => {
    if (!Array.isArray(run) || run.length !== 6) return run;
    const [page, n, cls, pfn, ...folio] = run as number[];
    const offset = pfn! % BLOCK;
    if (!(offset + n! > BLOCK)) return run;
    const moved = [page, n, cls, next * BLOCK + offset, ...folio];
    next += Math.ceil((offset + n!) / BLOCK) + 1;
    return moved;
  };
}

function lastPfn(vma: unknown): number {
  const runs = (vma as { runs?: unknown } | null)?.runs;
  if (!Array.isArray(runs)) return 0;
  const pfns = (runs as unknown[]).map((run) => (Array.isArray(run) && run.length === 6 ? Number(run[3]) : 0));
  return pfns.reduce((top, pfn) => Math.max(top, pfn), 0);
}

function snapVma(value: unknown, moved: (run: unknown) => unknown, fail: Fail): Raw {
  const { s, n, perm, kind, runs } = (value ?? {}) as Raw;
  if (typeof s !== "string" || !/^[0-9a-f]{4,16}$/.test(s)) fail("'s' is not an address in hexadecimal");
  if (!Array.isArray(runs)) fail("'runs' is not a list");
  const start = Number(BigInt(`0x${String(s)}`) >> 12n);
  return {
    start,
    end: start + Number(n),
    perms: perm,
    kind,
    ...amounts(runs as unknown[]),
    runs: (runs as unknown[]).map(moved),
  };
}

function amounts(runs: readonly unknown[]): Raw {
  const pages = Object.fromEntries(CLASSES.map((c): [PageClass, number] => [c, 0]));
  for (const run of runs) if (Array.isArray(run) && run[2] in pages) pages[run[2] as PageClass]! += Number(run[1]);
  const sum = (keep: (c: PageClass) => boolean) =>
    CLASSES.filter(keep).reduce((kB, c) => kB + pages[c]! * KB_PER_PAGE, 0);
  return {
    Rss: sum(isMemory),
    Anonymous: sum(isAnon),
    AnonHugePages: sum((c) => c === "H"),
    FilePmdMapped: sum((c) => c === "h"),
  };
}
