/**
 * From parsed JSON to a checked capture. What passes is a possible layout: VMAs in order and apart, runs inside their
 * VMA, folios aligned, and every frame in one folio of one order and kind wherever it is mapped.
 */
import { nearest, UserError } from "../../base/errors.ts";
import { isObject, type Raw } from "../../base/shape.ts";
import type { Amount, Amounts, Capture, CapturedVma, PageClass, Run } from "./format.ts";
import { AMOUNTS, ARCHES, CAPTURE_VERSION, CLASSES, isAnon, isMemory, KINDS, NO_PFN, PAGE_SIZES } from "./format.ts";
import { snapCapture } from "./snap.ts";

/** Largest address: what 64-bit page tables with 64K pages reach. */
const MAX_ADDRESS = 2 ** 52;
/** Frames of the 52 bits of physical address that the formats have, in 4K pages. */
const MAX_PFN = 2 ** 40;
/** powerpc with 64K pages has the smallest, arm64 with 64K pages the largest. */
const MIN_PMD_ORDER = 5;
const MAX_PMD_ORDER = 13;
const MAX_KB = 2 ** 42;

const HEAD_KEYS = ["ptlab", "version", "name", "arch", "kernel", "page", "pmdOrder", "VmPTE", "raced", "vmas"];
const VMA_KEYS = ["start", "end", "perms", "kind", ...AMOUNTS, "pmdCandidates", "runs"];

/** The capture that a parsed file holds; `file` is its name for messages. */
export function captureFrom(value: unknown, file: string): Capture {
  const fail = (what: string): never => {
    throw new UserError(`${file}: ${what}`);
  };
  const raw = isObject(value) ? value : fail("not a capture: a JSON object is allowed");
  const capture = "snap" in raw ? ownFormat(snapCapture(raw, fail), fail) : ownFormat(raw, fail);
  checkFolios(capture, fail);
  return capture;
}

/** Ends with a UserError about a place in the file. */
export type Fail = (what: string) => never;

function ownFormat(raw: Raw, fail: Fail): Capture {
  if (raw.ptlab !== "capture") fail('not a capture: it does not begin with "ptlab":"capture"');
  if (raw.version !== CAPTURE_VERSION)
    fail(`version ${show(raw.version)} of the capture format: this program reads version ${CAPTURE_VERSION}`);
  checkKeys(raw, HEAD_KEYS, fail);
  const page = member(raw.page, PAGE_SIZES, "page", fail);
  const pmdOrder = whole(raw.pmdOrder, "pmdOrder", MIN_PMD_ORDER, MAX_PMD_ORDER, fail);
  return {
    name: text(raw.name ?? "", "name", /^[^\p{Cc}]{0,80}$/u, fail),
    arch: member(raw.arch, ARCHES, "arch", fail),
    kernel: text(raw.kernel, "kernel", /^\d{1,4}\.\d{1,4}$/, fail),
    page,
    pmdOrder,
    vmPte: whole(raw.VmPTE, "VmPTE", 0, MAX_KB, fail),
    raced: whole(raw.raced ?? 0, "raced", 0, MAX_KB, fail),
    vmas: vmaList(raw.vmas, page, pmdOrder, fail),
  };
}

function vmaList(value: unknown, page: number, pmdOrder: number, fail: Fail): CapturedVma[] {
  if (!Array.isArray(value)) fail("'vmas' is not a list");
  const out: CapturedVma[] = [];
  for (const [i, raw] of (value as unknown[]).entries()) {
    const here: Fail = (what) => fail(`VMA ${i}: ${what}`);
    const vma = vmaFrom(raw, MAX_ADDRESS / page, pmdOrder, here);
    if (vma.start < (out.at(-1)?.end ?? 0)) here(`starts at page ${vma.start}, before the end of the one before it`);
    out.push(vma);
  }
  return out;
}

function vmaFrom(value: unknown, maxPage: number, pmdOrder: number, fail: Fail): CapturedVma {
  const raw = isObject(value) ? value : fail("is not an object");
  checkKeys(raw, VMA_KEYS, fail);
  const start = whole(raw.start, "start", 0, maxPage - 1, fail);
  const end = whole(raw.end, "end", start + 1, maxPage, fail);
  return {
    start,
    end,
    perms: text(raw.perms, "perms", /^[r-][w-][x-][ps]$/, fail),
    kind: member(raw.kind, KINDS, "kind", fail),
    amounts: amountsFrom(raw, fail),
    pmdCandidates: whole(raw.pmdCandidates ?? 0, "pmdCandidates", 0, end - start, fail),
    runs: runList(raw.runs, start, end, pmdOrder, fail),
  };
}

function amountsFrom(raw: Raw, fail: Fail): Amounts {
  const pairs = AMOUNTS.map((a): [Amount, number] => [a, whole(raw[a] ?? 0, a, 0, MAX_KB, fail)]);
  return Object.fromEntries(pairs) as Amounts;
}

function runList(value: unknown, start: number, end: number, pmdOrder: number, fail: Fail): Run[] {
  if (!Array.isArray(value)) fail("'runs' is not a list");
  const out: Run[] = [];
  let free = 0;
  for (const [i, raw] of (value as unknown[]).entries()) {
    const here: Fail = (what) => fail(`run ${i}: ${what}`);
    const run = runFrom(raw, end - start, pmdOrder, here);
    if (run.page < free) here(`starts at page ${run.page}, before the end of the one before it`);
    if (isPmdClass(run.cls)) checkPmd(run, start, pmdOrder, here);
    free = run.page + run.n;
    addRun(out, run);
  }
  return out;
}

/** Runs that continue each other become one, whoever wrote the file, so that readers meet whole runs only. */
function addRun(runs: Run[], run: Run): void {
  const top = runs.at(-1);
  if (top === undefined || !continues(top, run)) runs.push(run);
  else runs[runs.length - 1] = { ...top, n: top.n + run.n };
}

function continues(top: Run, run: Run): boolean {
  if (top.page + top.n !== run.page || top.cls !== run.cls || top.order !== run.order) return false;
  return run.pfn === (top.pfn === NO_PFN ? NO_PFN : top.pfn + top.n);
}

function runFrom(value: unknown, pages: number, pmdOrder: number, fail: Fail): Run {
  if (!Array.isArray(value) || (value.length !== 3 && value.length !== 6)) fail("is not a list of 3 or 6 members");
  const raw = value as unknown[];
  const page = whole(raw[0], "page", 0, pages - 1, fail);
  const n = whole(raw[1], "n", 1, pages - page, fail);
  const cls = member(raw[2], CLASSES, "class", fail);
  if ((raw.length === 6) !== isMemory(cls) && cls !== "Z") fail(`has ${raw.length} members, wrong for class ${cls}`);
  if (raw.length === 3) return { page, n, cls, pfn: NO_PFN, order: 0, index: 0 };
  const order = whole(raw[4], "order", cls === "Z" ? pmdOrder : 0, pmdOrder, fail);
  const pfn = whole(raw[3], "pfn", 0, MAX_PFN - n, fail);
  const index = whole(raw[5], "index", 0, 2 ** order - 1, fail);
  if (pfn % 2 ** order !== index) fail(`frame ${pfn} has index ${pfn % 2 ** order} in a folio of order ${order}`);
  return { page, n, cls, pfn, order, index };
}

function isPmdClass(cls: PageClass): boolean {
  return cls === "H" || cls === "h";
}

function checkPmd(run: Run, start: number, pmdOrder: number, fail: Fail): void {
  const aligned = (start + run.page) % 2 ** pmdOrder === 0 && run.n % 2 ** pmdOrder === 0 && run.index === 0;
  if (!aligned || run.order !== pmdOrder)
    fail(`class ${run.cls} is allowed for whole aligned folios of order ${pmdOrder} only`);
}

/** A run, rounded out to whole folios. */
interface FolioRange {
  readonly first: number;
  readonly end: number;
  readonly order: number;
  readonly kind: "anonymous" | "file" | "zero";
  readonly vma: number;
}

function checkFolios(capture: Capture, fail: Fail): void {
  const ranges = capture.vmas.flatMap((vma, i) =>
    vma.runs.filter((r) => r.pfn !== NO_PFN).map((r) => folioRange(r, i)),
  );
  ranges.sort((a, b) => a.first - b.first);
  let last: FolioRange | undefined;
  for (const range of ranges) {
    if (last === undefined || range.first >= last.end) {
      last = range;
      continue;
    }
    if (range.order !== last.order || range.kind !== last.kind)
      fail(
        `VMA ${range.vma}: frame ${range.first} is of order ${range.order} and ${range.kind} here, ` +
          `but of order ${last.order} and ${last.kind} in VMA ${last.vma}`,
      );
    if (range.end > last.end) last = range;
  }
}

function folioRange(run: Run, vma: number): FolioRange {
  const size = 2 ** run.order;
  const kind = run.cls === "Z" ? "zero" : isAnon(run.cls) ? "anonymous" : "file";
  const end = Math.ceil((run.pfn + run.n) / size) * size;
  return { first: run.pfn - run.index, end, order: run.order, kind, vma };
}

function checkKeys(raw: Raw, allowed: readonly string[], fail: Fail): void {
  for (const key of Object.keys(raw)) {
    if (allowed.includes(key)) continue;
    const near = nearest(key.slice(0, 40), allowed);
    fail(
      `unknown member ${show(key)}: ${near === undefined ? `allowed are ${allowed.join(", ")}` : `is ${near} meant?`}`,
    );
  }
}

/** A whole number within bounds, both inclusive. */
function whole(value: unknown, what: string, min: number, max: number, fail: Fail): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  return fail(`${what} is ${show(value)}: a whole number from ${min} to ${max} is allowed`);
}

function text(value: unknown, what: string, pattern: RegExp, fail: Fail): string {
  if (typeof value === "string" && pattern.test(value)) return value;
  return fail(`${what} is ${show(value)}, which is not allowed`);
}

function member<T extends string | number>(value: unknown, allowed: readonly T[], what: string, fail: Fail): T {
  if (allowed.includes(value as T)) return value as T;
  return fail(`${what} is ${show(value)}: allowed are ${allowed.join(", ")}`);
}

/** A value of the file for a message: short, on one line, printable. */
function show(value: unknown): string {
  if (value === undefined) return "missing";
  const json = JSON.stringify(value).replace(/[^\x20-\x7e]/g, "?");
  return json.length > 40 ? `${json.slice(0, 40)}...` : json;
}
