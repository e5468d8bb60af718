/**
 * What a capture holds, VMA kind by VMA kind: how much is mapped, and by what.
 */
import { MiB } from "../../base/size.ts";
import { type Capture, isMapped, isPmdMapped, KINDS, type Run, type VmaKind } from "../capture/format.ts";

/** One kind of VMA. Amounts are in MiB. */
export interface ContentRow {
  readonly kind: VmaKind;
  readonly vmas: number;
  readonly mapped: number;
  /** Mapped by PTEs, pages of order 0. */
  readonly small: number;
  /** Mapped by PTEs, pages of larger folios. */
  readonly large: number;
  readonly pmd: number;
  /** The zero page, and what belongs to a device or a driver. */
  readonly other: number;
  readonly swapped: number;
}

/** A row for each kind of VMA that the process has. */
export function captureContent(capture: Capture): ContentRow[] {
  return KINDS.map((kind) => contentRow(capture, kind)).filter((row) => row.vmas > 0);
}

function contentRow(capture: Capture, kind: VmaKind): ContentRow {
  const vmas = capture.vmas.filter((vma) => vma.kind === kind);
  const sum = (keep: (run: Run) => boolean) => {
    let pages = 0;
    for (const vma of vmas) for (const run of vma.runs) pages += keep(run) ? run.n : 0;
    return (pages * capture.page) / MiB;
  };
  const isOther = (run: Run) => run.cls === "X" || run.cls === "Z";
  const byPtes = (run: Run) => isMapped(run.cls) && !isPmdMapped(run) && !isOther(run);
  return {
    kind,
    vmas: vmas.length,
    mapped: sum((run) => isMapped(run.cls)),
    small: sum((run) => byPtes(run) && run.order === 0),
    large: sum((run) => byPtes(run) && run.order > 0),
    pmd: sum((run) => isPmdMapped(run) && !isOther(run)),
    other: sum(isOther),
    swapped: sum((run) => run.cls === "S"),
  };
}
