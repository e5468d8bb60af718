/**
 * One process' address space: its VMAs, its page tables, and its count of resident pages (mm_struct).
 */
import type { Design } from "../design/design.ts";
import { PageTable } from "../pgtable/pagetable.ts";
import { splitHugeAt } from "./huge.ts";
import type { Kernel } from "./kernel.ts";
import { type Vma, VmaList } from "./vma.ts";

/** An address space. System calls are functions of the other files of this folder, with this as their first argument. */
export class Mm {
  readonly kernel: Kernel;
  /** By which large folios know it (`mm_id`). */
  readonly id: number;
  readonly pt: PageTable;
  /** How the entries of `pt` are reached. */
  readonly design: Design;
  readonly vmas: VmaList;
  /** Anonymous pages mapped, the zero pages not counted (MM_ANONPAGES). */
  anonPages = 0;
  /** Pages of files mapped (MM_FILEPAGES and MM_SHMEMPAGES). */
  filePages = 0;
  /** Pages of this address space that lie in swap (MM_SWAPENTS). */
  swapEnts = 0;
  /** A page of it was ever pinned (MMF_HAS_PINNED). */
  hasPinned = false;
  /** Page faults taken (ru_minflt). */
  faults = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.id = kernel.newMmId();
    kernel.mms.add(this);
    this.design = kernel.design;
    const { format, tables, frames, tally, contpte, contpteRules } = kernel;
    this.pt = new PageTable({ format, tables, frames, tally, contpte, contpteRules });
    const listener = {
      linked: (vma: Vma) => vma.file?.open(this, vma),
      unlinked: (vma: Vma) => vma.file?.close(vma),
    };
    const onCut = (vma: Vma, vpn: number) => splitHugeAt(this, vma, vpn);
    this.vmas = new VmaList(tally, onCut, listener, kernel.profile.joinsBareAreas);
  }
}
