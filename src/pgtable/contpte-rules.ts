/**
 * Where CPUs and kernels differ inside arm64's contpte layer. Each is a switch of the page table, because none of them changes
 * a translation: they change what is read, what is flushed, and which fault is answered by doing nothing.
 *
 * Source: contpte_convert, contpte_ptep_get and contpte_ptep_set_access_flags of arch/arm64/mm/contpte.c, Linux 6.17 to 7.x.
 */

/** The switches; {@link contpteRules} fills in what is left out. */
export interface ContpteRules {
  /**
   * The CPU replaces a translation by one of another size without a conflict abort (FEAT_BBML2, on the list of CPUs that are
   * known for it; 6.17). Folding and unfolding then leave out their invalidation of the block.
   */
  readonly bbml2: boolean;
  /** `ptep_get` stops going through a block once it has seen both accessed and dirty (7.x). Before, it always read all. */
  readonly gatherStops: boolean;
  /**
   * `ptep_set_access_flags` does nothing only if every entry of the block says already what is asked (fix of 2026). Before, it
   * asked the block as a whole, and an agent that looks at single entries and notes nothing itself could fault for ever.
   */
  readonly noopByEntry: boolean;
  /**
   * `pte_mkcont` sets the type bits with the contiguous one, and so makes a PROT_NONE entry valid again: to hardware it is then an
   * entry of the kernel's, and programs fault on it as before. 6.12 does, by its source and by recorded runs; 6.18 does not.
   */
  readonly contMakesValid: boolean;
}

/** The rules of Linux 6.18 on a CPU without BBML2, but for those that are given. */
export function contpteRules(given: Partial<ContpteRules> = {}): ContpteRules {
  return { bbml2: false, gatherStops: false, noopByEntry: false, contMakesValid: false, ...given };
}
