/**
 * Memory mapped the way Linux maps it under a policy: a process writes each page of one mapping once, and the page-fault
 * code of the simulated kernel decides about folios, leaves and contiguous bits.
 */
import { type Format, pmdOrder } from "../../arch/format.ts";
import { formatNamed } from "../../arch/formats.ts";
import { invariant } from "../../base/errors.ts";
import { formatSize, GiB } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";

/** How memory is mapped. */
export interface Policy {
  /** Format name. */
  readonly format: string;
  /** Folio order that the knobs allow besides 0: 4 is 64K of 4K pages. */
  readonly order: number;
  /** Whether the kernel uses arm64's contiguous bit. No difference on formats without one. */
  readonly contpte: boolean;
}

/** A mapping that has been written once, and where each of its pages went. */
export interface Layout {
  readonly policy: Policy;
  readonly mm: Mm;
  readonly start: number;
  readonly pages: number;
  /** The frame that the write to each page reached. No two are equal. */
  readonly frames: Float64Array;
}

/** First page of the mapping: aligned to a gigabyte, above what 32 bits of address can name. */
export const START = 2 ** 33;

/** Maps and writes `bytes` of anonymous memory under a policy. */
export function buildLayout(policy: Policy, bytes: number): Layout {
  const kernel = new Kernel({ arch: policy.format, contpte: policy.contpte, memory: 2 * bytes + SLACK });
  const pages = bytes / 2 ** kernel.format.pageLg2;
  if (policy.order > 0) allowOrder(kernel, policy.order);
  const mm = new Mm(kernel);
  const err = mmap(mm, { start: START, pages, flags: Vm.read | Vm.write });
  invariant(err === null, `mmap of ${pages} pages: ${err}`);
  const frames = new Float64Array(pages);
  for (let i = 0; i < pages; i++) frames[i] = access(mm, START + i, true);
  checkApart(frames);
  return { policy, mm, start: START, pages, frames };
}

/** Bytes of mappings that are kept, the last used ones. */
const KEPT = 4 * GiB;

const kept = new Map<string, Layout>();

/**
 * What {@link buildLayout} makes, or made last time: most controls change the loads or the core and leave the memory as it is. A load
 * changes nothing in it either, for every page has been written and so is accessed and dirty.
 */
export function layoutFor(policy: Policy, bytes: number): Layout {
  const key = JSON.stringify([policy, bytes]);
  const layout = kept.get(key) ?? buildLayout(policy, bytes);
  kept.delete(key);
  kept.set(key, layout);
  let sum = 0;
  for (const [old, { pages, mm }] of [...kept].reverse()) {
    sum += pages * 2 ** mm.kernel.format.pageLg2;
    if (sum > KEPT && old !== key) kept.delete(old);
  }
  return layout;
}

/** Memory beside the mapping, for zero pages and for what the buddy allocator cannot use. */
const SLACK = 2 ** 28;

function allowOrder(kernel: Kernel, order: number): void {
  const kb = 2 ** (kernel.format.pageLg2 + order - 10);
  const err = kernel.thp.set(`hugepages-${kb}kB/enabled`, "always");
  invariant(err === null, `no knob for folios of order ${order}: ${err}`);
}

/** Each page has memory of its own: then reaching a page's frame is reaching what was written to that page. */
function checkApart(frames: Float64Array): void {
  invariant(
    frames.every((pfn) => pfn >= 0),
    "a write ended in a signal",
  );
  const taken = new Uint8Array(frames.reduce((most, pfn) => Math.max(most, pfn), 0) + 1);
  for (const pfn of frames) {
    invariant(taken[pfn] === 0, `two pages share frame ${pfn}`);
    taken[pfn] = 1;
  }
}

/** Whether the contiguous bit can make a difference: the format has it, and folios fill a block but not a table. */
export function contpteMatters(format: Format, order: number): boolean {
  const block = format.contLg2[0]!;
  return block > 0 && order >= block && order < pmdOrder(format);
}

/** Format and policy in at most 24 letters: `arm64-4k 64K contpte`. */
export function policyText({ format: name, order, contpte }: Policy): string {
  const format = formatNamed(name);
  const size = `${name} ${formatSize(2 ** (format.pageLg2 + order))}`;
  if (order === pmdOrder(format)) return `${size} THP`;
  if (!contpteMatters(format, order)) return size;
  return contpte ? `${size} contpte` : `${size} no contpte`;
}
