/**
 * A protected guest of s390, as a list of what it and its host do page by page. Its pages are secure: the host cannot read them,
 * but for those that the guest shares, 4K at a time, and those that the host has had converted for itself.
 *
 * Not modelled: integrity, several guests, what a conversion costs. Source: Documentation/virt/kvm/s390/s390-pv.rst;
 * arch/s390/kernel/uv.c; the discussion of "New page table range API" v5 on s390, July 2023.
 */
import { type Random, random } from "../../base/random.ts";

/** What happens to a page. */
export const GUEST_OPS = ["share", "unshare", "touch", "host"] as const;

/** One event: the guest shares a page, takes it back, uses it, or the host wants to use it (I/O, or to swap it out). */
export interface GuestOp {
  readonly op: (typeof GUEST_OPS)[number];
  readonly page: number;
  /** Somebody else holds a reference to the folio at this moment, so that it cannot be split. */
  readonly pinned: boolean;
}

/** How a guest behaves. Shares are of 100. */
export interface GuestSpec {
  readonly pages: number;
  readonly ops: number;
  readonly seed: number;
  /** Pages that the guest ever shares, such as the buffers of its devices. */
  readonly sharedPercent: number;
  /** Moments at which somebody holds a reference more. */
  readonly pinnedPercent: number;
}

/** Host accesses that go to what is shared at that moment; the others go anywhere. */
const IO_PERCENT = 80;

/** What a guest does, decided by its seed alone. */
export function guestOps(spec: GuestSpec): GuestOp[] {
  const rng = random(spec.seed);
  const buffers = somePages(rng, spec.pages, Math.max(1, Math.round((spec.pages * spec.sharedPercent) / 100)));
  const shared = new Set<number>();
  return Array.from({ length: spec.ops }, () => {
    const { op, page } = drawOp(rng, spec.pages, buffers, shared);
    if (op === "share") shared.add(page);
    if (op === "unshare") shared.delete(page);
    return { op, page, pinned: rng.below(100) < spec.pinnedPercent };
  });
}

function drawOp(rng: Random, pages: number, buffers: readonly number[], shared: ReadonlySet<number>) {
  const what = rng.below(12);
  if (what === 0) {
    const page = rng.pick(buffers);
    return { op: shared.has(page) ? "unshare" : "share", page } as const;
  }
  if (what < 8) return { op: "touch", page: rng.below(pages) } as const;
  const io = shared.size > 0 && rng.below(100) < IO_PERCENT;
  return { op: "host", page: io ? rng.pick([...shared]) : rng.below(pages) } as const;
}

function somePages(rng: Random, pages: number, n: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < n) chosen.add(rng.below(pages));
  return [...chosen];
}
