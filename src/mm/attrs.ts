/**
 * From an area's flags to the attributes of its entries (`vma->vm_page_prot`, maybe_mkwrite).
 */
import { A } from "../arch/entry.ts";
import { VM_ACCESS, Vm } from "./vma.ts";

/** Attributes that the protection alone gives. Private memory starts without write: the first write asks for it. */
export function protAttrs(flags: number): number {
  if (!(flags & VM_ACCESS)) return A.protnone;
  return flags & Vm.exec ? A.exec : 0;
}

/** Attributes of a page just made for a write: accessed, dirty, and writable if the area is. */
export function anonAttrs(flags: number): number {
  return protAttrs(flags) | A.young | (flags & Vm.write ? A.write | A.dirty : 0);
}
