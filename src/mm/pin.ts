/**
 * Long-term pins, as a device or io_uring takes them on a process' buffers: while one is held the page may not become
 * another's, so fork copies it at once, and its folio is neither split nor swapped out.
 *
 * Source: pin_user_pages of mm/gup.c (FOLL_PIN | FOLL_LONGTERM | FOLL_WRITE), folio_maybe_dma_pinned and folio_needs_cow_for_dma of
 * include/linux/mm.h, Linux 6.18.
 */
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { madvisePopulate } from "./populate.ts";
import { unmappedFolio } from "./rmap.ts";

/** Frames that are pinned, in order, for {@link unpinUserPages}. */
export type Pins = readonly number[];

/**
 * `pin_user_pages` of `[start, end)` for writing: pages that are shared, or not there, become this address space's own first.
 * Pins are counted by folio, so that of a large one all pages count as pinned.
 */
export function pinUserPages(mm: Mm, start: number, end: number): Errno | Pins {
  const err = madvisePopulate(mm, start, end, true);
  if (err !== null) return "EFAULT";
  const pins: number[] = [];
  for (let vpn = start; vpn < end; vpn++) pins.push(frameAt(mm, vpn));
  const { frames, pins: counts } = mm.kernel;
  for (const pfn of pins) counts.set(frames.head(pfn), (counts.get(frames.head(pfn)) ?? 0) + 1);
  mm.hasPinned = true;
  return pins;
}

function frameAt(mm: Mm, vpn: number): number {
  const pmd = mm.design.find(mm.pt, vpn, 1);
  const slot = mm.design.find(mm.pt, vpn, 0);
  return slot < 0 ? mm.pt.pfn(pmd, 1) + (vpn % mm.pt.span[1]!) : mm.pt.pfn(slot);
}

/** `unpin_user_pages`: the pins are given back, and with the last of one the folio, if nobody maps it any more. */
export function unpinUserPages(mm: Mm, pins: Pins): void {
  const { frames, pins: counts } = mm.kernel;
  for (const pfn of pins) {
    const head = frames.head(pfn);
    const left = counts.get(head)! - 1;
    if (left > 0) counts.set(head, left);
    else counts.delete(head);
    if (left === 0) unmappedFolio(mm.kernel, head);
  }
}
