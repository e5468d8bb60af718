/**
 * A recorded process's anonymous memory, faulted in again in the model under other THP policies: same VMAs, same pages
 * written, but each fault takes the folio that the policy and Linux's rules give.
 *
 * Modelled, not recorded: the order of first accesses and which of them were reads (a capture does not tell), that every
 * VMA is writable and had its final size from the start, that memory is never short and never given back. File pages take
 * no part.
 */
import { invariant } from "../../base/errors.ts";
import { type Random, random } from "../../base/random.ts";
import { GiB } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import { Vm } from "../../mm/vma.ts";
import { type Capture, isAnon } from "../capture/format.ts";

/** A setting of the THP knobs by name: folio sizes in kB that are enabled for all memory. */
export interface ThpPolicy {
  readonly name: string;
  readonly sizes: readonly number[];
}

/** The policies that are compared. */
export const THP_POLICIES: readonly ThpPolicy[] = [
  { name: "4K only", sizes: [] },
  { name: "mTHP 64K", sizes: [64] },
  { name: "mTHP 16K to 1M", sizes: [16, 32, 64, 128, 256, 512, 1024] },
  { name: "THP 2M", sizes: [2048] },
  { name: "mTHP 64K and THP 2M", sizes: [64, 2048] },
];

/**
 * First accesses: pages in the order of addresses or shuffled within each VMA, and the share of pages (0 to 1) that are read
 * before they are written. A read of an empty page maps the zero page, which keeps a larger folio out.
 */
export interface FirstAccesses {
  readonly shuffled: boolean;
  readonly readFirst: number;
  readonly seed: number;
}

/** The process built anew on a machine with 4K pages; without another format, on arm64. */
export function replayCapture(capture: Capture, policy: ThpPolicy, first: FirstAccesses, arch = "arm64-4k"): Mm {
  invariant(capture.page === 4096, "only captures with 4K pages are replayed on a 4K format");
  const kernel = new Kernel({ arch, memory: 256 * GiB });
  for (const kB of policy.sizes) kernel.thp.set(`hugepages-${kB}kB/enabled`, "always");
  const mm = new Mm(kernel);
  const rng = random(first.seed);
  const flags = Vm.read | Vm.write | Vm.account;
  for (const vma of capture.vmas) {
    const pages = vma.runs.filter((r) => isAnon(r.cls)).flatMap((r) => pageNumbers(vma.start + r.page, r.n));
    if (pages.length === 0) continue;
    mm.vmas.append({
      start: vma.start,
      end: vma.end,
      flags,
      anonVma: 0,
      pgoff: vma.start,
      forked: false,
      file: null,
      uffd: null,
    });
    if (first.shuffled) shuffle(pages, rng);
    for (const vpn of pages) {
      if (first.readFirst > 0 && rng.next() < first.readFirst * 2 ** 32) access(mm, vpn, false);
      access(mm, vpn, true);
    }
  }
  return mm;
}

function pageNumbers(from: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => from + i);
}

function shuffle(pages: number[], rng: Random): void {
  for (let i = pages.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [pages[i], pages[j]] = [pages[j]!, pages[i]!];
  }
}
