/**
 * A host under a traced process: a second simulated kernel that has mapped the memory of the virtual machine in which the process
 * runs, so that its tables and pages lie in guest-physical memory.
 *
 * Modelled: the host's process is the virtual machine, its addresses are the guest's physical ones, and it has faulted in, by writes
 * in ascending order, every frame that the guest's process uses: pages and tables. The rest of the machine's memory is left out.
 */

import { invariant } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";
import type { NestedTree } from "../../mmu/nested-walker.ts";
import { walkSlots } from "../../mmu/translate.ts";

/** A guest's process on its host. */
export interface GuestHost {
  /** The guest's tree with the host's behind it. */
  readonly tree: NestedTree;
  /** The host's frame of each guest-physical page that the process uses. */
  readonly frames: ReadonlyMap<number, number>;
}

/** Maps pages of a process, the frames that they are in, and the tables on the way to them, in a host that may take folios of an order. */
export function guestHost(guest: Mm, pages: Float64Array, behind: Float64Array, order: number): GuestHost {
  const kernel = hostKernel(guest, order);
  const used = [...new Set([...behind, ...tableFrames(guest, pages)])].sort((a, b) => a - b);
  const mm = new Mm(kernel);
  for (const [start, end] of areasOf(used, 2 ** kernel.format.indexLg2[0]!)) {
    const err = mmap(mm, { start, pages: end - start, flags: Vm.read | Vm.write | Vm.exec | Vm.noreserve });
    invariant(err === null, `mmap of guest-physical [${start}, ${end}): ${err}`);
  }
  const frames = new Map(used.map((gfn) => [gfn, access(mm, gfn, true)]));
  const { format, tables, root } = guest.pt;
  return { tree: { format, tables, root, host: mm.pt }, frames };
}

function hostKernel(guest: Mm, order: number): Kernel {
  const { format } = guest.kernel;
  const kernel = new Kernel({ arch: format.name });
  if (order === 0) return kernel;
  const size = 2 ** (format.pageLg2 + order);
  const err = kernel.thp.set(`hugepages-${size / 1024}kB/enabled`, "always");
  invariant(err === null, `no folios of ${formatSize(size)} on ${format.name}: ${err}`);
  return kernel;
}

/** Frames of the tables on the way to pages. */
function tableFrames({ pt }: Mm, pages: Float64Array): Set<number> {
  const slots = new Set<number>();
  for (const vpn of pages) for (const slot of walkSlots(pt, vpn)) slots.add(slot >>> pt.tables.slotsLg2);
  return new Set([...slots].map((table) => pt.tables.pfnOf(table)));
}

/** Ranges, aligned to huge pages, around frames in ascending order. */
function areasOf(frames: readonly number[], huge: number): [start: number, end: number][] {
  const areas: [number, number][] = [];
  for (const gfn of frames) {
    const start = gfn - (gfn % huge);
    const last = areas.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = start + huge;
    else areas.push([start, start + huge]);
  }
  return areas;
}
