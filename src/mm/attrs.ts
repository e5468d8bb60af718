/**
 * From a VMA's flags to the attributes of its entries (`vma->vm_page_prot`, maybe_mkwrite).
 */
import { A } from "../arch/entry.ts";
import { VM_ACCESS, Vm } from "./vma.ts";

/**
 * Attributes that the protection alone gives (`vm_get_page_prot`). Private memory starts without write: the first write asks
 * for it. Shared memory is writable at once, since no shared file of the model wants to be told (`vma_wants_writenotify`).
 */
export function protAttrs(flags: number): number {
  if (!(flags & VM_ACCESS)) return A.protnone;
  const sharedWrite = Vm.shared | Vm.write;
  return (flags & Vm.exec ? A.exec : 0) | ((flags & sharedWrite) === sharedWrite ? A.write : 0);
}

/** Attributes of a page just made for a write: accessed, dirty, and writable if the VMA is. */
export function anonAttrs(flags: number): number {
  return protAttrs(flags) | A.young | (flags & Vm.write ? A.write | A.dirty : 0);
}
