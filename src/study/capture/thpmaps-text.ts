/**
 * Prints thpmaps statistics as the tool does: columns, padding, rounding. In the VMA lines the process id, offset,
 * device and inode are zeros, the addresses are those of the capture, and the VMA's kind stands for its name.
 */
import type { Capture, CapturedVma } from "./format.ts";
import type { Stat, ThpmapsOptions, ThpStats } from "./thpmaps.ts";
import { rollupThpStats, vmaThpStats } from "./thpmaps.ts";

/** How to print; `incEmpty` shows statistics that are 0 too. */
export interface ThpmapsTextOptions extends ThpmapsOptions {
  readonly rollup: boolean;
  readonly incEmpty: boolean;
}

const HEADER = "       PID             START              END PROT   OFFSET   DEV    INODE OBJECT";
const LABEL_COLUMNS = 32;

/** What `thpmaps --pid` prints, for a capture. */
export function thpmapsText(capture: Capture, options: ThpmapsTextOptions): string {
  const lines = options.rollup
    ? statLines(rollupThpStats(capture, options), options.incEmpty)
    : [HEADER, ...capture.vmas.flatMap((vma) => vmaLines(vma, capture, options))];
  return lines.map((line) => `${line}\n`).join("");
}

function vmaLines(vma: CapturedVma, capture: Capture, options: ThpmapsTextOptions): string[] {
  return [vmaLine(vma, capture.page), ...statLines(vmaThpStats(vma, capture, options), options.incEmpty)];
}

function vmaLine(vma: CapturedVma, page: number): string {
  const address = (n: number) => (n * page).toString(16).padStart(16, "0");
  return `0000000000: ${address(vma.start)}-${address(vma.end)} ${vma.perms} 00000000 00:00 00000000 ${vma.kind}`;
}

function statLines(all: ThpStats, incEmpty: boolean): string[] {
  return all.stats.filter((s) => incEmpty || s.kB > 0).map((s) => statLine(s, all));
}

function statLine(stat: Stat, all: ThpStats): string {
  const total = stat.type === "anon" ? all.anon : stat.type === "file" ? all.file : 0;
  const percent = total > 0 ? ` (${`${halfEven((stat.kB / total) * 100)}%`.padStart(3)})` : "";
  return `${`${stat.label}:`.padEnd(LABEL_COLUMNS)}${String(stat.kB).padStart(8)} kB${percent}`;
}

/** Rounds as Python's formatting does: halves go to the even neighbour. */
function halfEven(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}
