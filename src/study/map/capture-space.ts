/**
 * The address space that a capture shows. Its contiguous blocks are those that arm64 would make by Linux's rule: whole aligned
 * blocks of one folio (see `whatif.ts`); nothing in a capture tells which entries carry the bit.
 */
import {
  type Capture,
  type CapturedVma,
  captureName,
  isMapped,
  isMemory,
  isPmdMapped,
  isProtNone,
  NO_PFN,
  type Run,
} from "../capture/format.ts";
import { contBlockPages } from "../capture/whatif.ts";
import { type AddressSpace, type MapKind, type MapRun, type MapVma, pushRun } from "./space.ts";

/** Levels of tables above that of PTEs which a capture's addresses may need. */
const UPPER_LEVELS = 4;

/** A capture as an address space. */
export function captureSpace(capture: Capture): AddressSpace {
  const { page, pmdOrder } = capture;
  const cont = contBlockPages(capture);
  return {
    name: captureName(capture),
    page,
    // Tables of one page: every level has as many entries as the one of PTEs.
    spans: Array.from({ length: UPPER_LEVELS + 1 }, (_, level) => 2 ** (level * pmdOrder)),
    cont,
    vmas: capture.vmas.map((vma) => mapVma(vma, cont)),
  };
}

function mapVma(vma: CapturedVma, cont: number): MapVma {
  const { start, end, perms, kind } = vma;
  const runs: MapRun[] = [];
  for (const run of vma.runs) for (const piece of piecesOf(run, vma, cont)) pushRun(runs, piece);
  return { start, end, perms, what: kind, runs };
}

/** A run, or its whole contiguous blocks and what lies around them. */
function piecesOf(run: Run, vma: CapturedVma, cont: number): MapRun[] {
  const start = vma.start + run.page;
  const piece = (from: number, to: number, kind: MapKind): MapRun => {
    const { order, pfn } = run;
    const at = pfn === NO_PFN ? NO_PFN : pfn + from - start;
    return { start: from, end: to, kind, pfn: at, order, index: at === NO_PFN ? 0 : at % 2 ** order };
  };
  const kind = kindOf(run, vma);
  const end = start + run.n;
  const isAligned = (start - run.pfn) % cont === 0;
  if (kind !== "large folio" || 2 ** run.order < cont || !isAligned) return [piece(start, end, kind)];
  const [first, last] = [Math.ceil(start / cont) * cont, Math.floor(end / cont) * cont];
  if (first >= last) return [piece(start, end, kind)];
  const parts = [piece(start, first, kind), piece(first, last, "contpte block"), piece(last, end, kind)];
  return parts.filter((part) => part.start < part.end);
}

function kindOf(run: Run, vma: CapturedVma): MapKind {
  if (run.cls === "S") return "swap";
  if (run.cls === "G") return "guard";
  if (isProtNone(vma) && isMapped(run.cls)) return "PROT_NONE";
  if (run.cls === "Z") return "zero page";
  if (!isMemory(run.cls)) return "other memory";
  if (isPmdMapped(run)) return "PMD leaf";
  return run.order > 0 ? "large folio" : "single page";
}
