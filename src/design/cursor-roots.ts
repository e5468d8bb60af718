/**
 * Which tree translates an address. A root is asked for with an address, because an address space may have several: arm64 has
 * one register for user addresses and one for the kernel's, PAE holds four entries in the CPU, s390 has two trees for
 * the same addresses, and x86-64 and riscv have one tree with a hole between its halves.
 *
 * There is no entry above the root: what CR3 holds is no entry in memory and nothing here can be told to set it. The answer is
 * a table. What cannot be answered is an answer too: an address of a tree that is not this one's, or of no tree at all.
 * Not modelled: x86's second copy of the tree under page-table isolation.
 * Source: A. Lutomirski on "better(?) page-table manipulation API", linux-mm, April 2018.
 */
import { type Format, type Root, rootOf } from "../arch/format.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { type TablePtr, tablePtr } from "./cursor-ptr.ts";

/** The tree for an address, or why there is none. Both say to which page (inclusive) the answer holds. */
export type RootFor =
  | {
      readonly found: true;
      /** The register, as the architecture names it. */
      readonly name: string;
      readonly table: TablePtr;
      /** The address's page counted from the tree's first: what every move in the tree is given. */
      readonly place: number;
      readonly last: number;
    }
  | { readonly found: false; readonly why: NoRoot; readonly last: number };

/**
 * `non-canonical`: no register translates the address. `kernel's tree`: a user address space was asked for an address that
 * only the kernel's register translates. `user's tree`: the other way round.
 */
export type NoRoot = "non-canonical" | "kernel's tree" | "user's tree";

/**
 * The root by which an address space translates a page (`get_root_for_mm` as the review named it). On x86 and riscv that
 * is also the root for kernel addresses: the upper half of each tree is the kernel's.
 */
export function getRootForMm(mm: PageTable, vpn: number): RootFor {
  return rootIn(mm, mm.format.roots[0]!, vpn, "kernel's tree");
}

/** The root by which the kernel translates a page (`get_kernel_root`); `init` is the tree of `init_mm`. */
export function getKernelRoot(init: PageTable, vpn: number): RootFor {
  return rootIn(init, init.format.roots.at(-1)!, vpn, "user's tree");
}

function rootIn(tree: PageTable, own: Root, vpn: number, otherwise: NoRoot): RootFor {
  const { format } = tree;
  const root = format.roots.find((r) => sharesTree(format, own, r) && r.first <= vpn && vpn <= r.last);
  if (root === undefined) return noRoot(format, vpn, otherwise);
  const table = tablePtr(format, tree.root << tree.tables.slotsLg2, tree.levels - 1);
  return { found: true, name: root.name, table, place: placeOf(format, vpn), last: root.last };
}

function noRoot(f: Format, vpn: number, otherwise: NoRoot): RootFor {
  const other = rootOf(f, vpn);
  if (other !== null) return { found: false, why: otherwise, last: other.last };
  const above = f.roots.filter((r) => r.first > vpn).map((r) => r.first - 1);
  return { found: false, why: "non-canonical", last: Math.min(...above, Infinity) };
}

/** Two roots are of one tree exactly when they are for different parts of it: two trees both begin at place 0. */
function sharesTree(f: Format, own: Root, root: Root): boolean {
  return root === own || placeOf(f, root.first) !== placeOf(f, own.first);
}

function placeOf(f: Format, vpn: number): number {
  const pages = 2 ** f.indexLg2.reduce((sum, lg2) => sum + lg2, 0);
  return vpn % pages;
}
