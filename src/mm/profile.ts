/**
 * Where kernels differ by version. One record for each kernel that the model is held against; nothing else in the model
 * asks for a version.
 */
import type { Format } from "../arch/format.ts";
import { oneOf } from "../base/errors.ts";

/** The behaviour of one kernel version. */
export interface Profile {
  readonly name: string;
  /**
   * DONTNEED of everything under a PTE table frees the table: CONFIG_PT_RECLAIM, x86-64 alone in 6.14 to 6.19, all
   * 64-bit architectures in 7.2 (recorded runs of x86-64 and arm64; mm/Kconfig).
   */
  ptReclaim(format: Format): boolean;
  /** Guard regions exist (since 6.13). */
  readonly guards: boolean;
  /**
   * A VMA that may hold guards has a flag that says so (VM_MAYBE_GUARD), for which fork copies its tables. Since 7.0 or so, and
   * in 6.18 from some point release on: by recorded runs not in 6.18.15, but in 6.18.44.
   */
  guardsMarkAreas(format: Format): boolean;
  /**
   * Large folios know two of their owners (CONFIG_MM_ID, since 6.15), so that a write fault finds that a PTE-mapped one is this
   * process' alone again; before, it always copied, and advice guessed who else maps the folio.
   */
  readonly tracksOwners: boolean;
  /** A VMA that has an anon_vma may become part of a neighbour that has none (since 6.16). */
  readonly joinsBareAreas: boolean;
  /** mremap moves several VMAs at once, gaps and all (since 6.17). */
  readonly remapsSeveral: boolean;
  /** mremap looks at what it shall move before it unmaps what is at the new place, not after it (since 6.17). */
  readonly remapChecksFirst: boolean;
  /** MREMAP_DONTUNMAP wants lengths that are equal in whole pages (since 6.17); before, in bytes. */
  readonly remapRoundsFirst: boolean;
  /** mremap moves a contiguous block as one run (since 6.17). */
  readonly remapBatches: boolean;
  /** MADV_COLLAPSE of less than a PMD succeeds and does nothing (7.2 by its recorded runs); before it was EINVAL. */
  readonly collapsesNothing: boolean;
  /** MADV_COLLAPSE wants at least one writable entry in the block (6.12, not 6.18 any more, by recorded runs). */
  readonly collapseWantsWritable: boolean;
  /** A folio split gives pages that are all zeros back and maps the zero page instead (since 6.12, RMP_USE_SHARED_ZEROPAGE). */
  readonly splitDropsZeros: boolean;
  /** The entry that maps the huge zero page is special, like that of the small one (6.18, not yet 6.12, by recorded runs). */
  readonly hugeZeroSpecial: boolean;
  /** A write to the huge zero page makes a huge page (6.18, not yet 6.12, by recorded runs) instead of splitting the mapping. */
  readonly replacesHugeZero: boolean;
  /** pagemap tells of every page under a huge entry what holds for the folio's first (6.18, not yet 6.12, by recorded runs). */
  readonly pagemapAsksHead: boolean;
  /** Of a large folio that fault-around meets, it maps all that fits (filemap_map_folio_range, since 6.18). */
  readonly faultAroundMapsFolios: boolean;
  /** A writable entry of a file's page that is dirty is made dirty by a read fault as well (set_pte_range, since 6.16). */
  readonly mapsDirtyFoliosDirty: boolean;
  /**
   * A large folio of which all entries are made at once, as when a huge mapping is split, stays locked in memory (since 6.18,
   * __folio_add_anon_rmap). Before, small folios only were locked where an entry was made.
   */
  readonly rmapLocksLarge: boolean;
  /**
   * Taking pages out drains the CPU's batches of pages on their way to a list (recorded runs: 6.12 before it starts and when
   * pages are freed, 6.18 neither; zap_page_range_single and free_pages_and_swap_cache called lru_add_drain).
   */
  readonly zapDrainsLru: boolean;
  /** A VMA is unlocked whole when MREMAP_DONTUNMAP moves away a part of it (6.12, 6.18), or that part alone (7.2; recorded runs). */
  readonly dontunmapUnlocksAll: boolean;
  /** Each folio size counts swap-ins and what went to zswap (since 6.13): files below hugepages-*kB/stats. */
  readonly swapInCounters: boolean;
  /** Each folio size counts what khugepaged allocates (7.2): more such files. */
  readonly collapseCounters: boolean;
  /**
   * What reclaim does with a huge page that MADV_FREE gave up and one entry maps: takes it whole or leaves it whole (6.18.15, 7.2);
   * takes it whole if it is clean and else splits the mapping (6.12); splits the mapping always (6.18.44). By recorded runs.
   */
  lazyHuge(format: Format): "whole" | "whole if clean" | "split";
  /** Reclaim unmaps a folio that MADV_FREE gave up in runs (since 6.15). */
  readonly unmapBatches: boolean;
  /** Those runs end where write permission changes ("mm/rmap: fix incorrect pte restoration for lazyfree folios", 7.0). */
  unmapRespectsWrite(format: Format): boolean;
  /** mprotect changes a folio's entries as one run (modify_prot_start_ptes with nr > 1, since 6.17). */
  readonly mprotectBatches: boolean;
  /** arm64's contiguous bit makes a PROT_NONE entry valid (see ContpteRules.contMakesValid; until 6.14 or so). */
  readonly contMakesValid: boolean;
}

const v6_12: Profile = {
  name: "6.12",
  ptReclaim: () => false,
  guards: false,
  guardsMarkAreas: () => false,
  tracksOwners: false,
  joinsBareAreas: false,
  remapsSeveral: false,
  remapChecksFirst: false,
  remapRoundsFirst: false,
  collapsesNothing: false,
  collapseWantsWritable: true,
  remapBatches: false,
  splitDropsZeros: true,
  hugeZeroSpecial: false,
  replacesHugeZero: false,
  pagemapAsksHead: false,
  rmapLocksLarge: false,
  zapDrainsLru: true,
  dontunmapUnlocksAll: true,
  mprotectBatches: false,
  contMakesValid: true,
  mapsDirtyFoliosDirty: false,
  faultAroundMapsFolios: false,
  swapInCounters: false,
  lazyHuge: () => "whole if clean",
  unmapBatches: false,
  unmapRespectsWrite: () => false,
  collapseCounters: false,
};

/**
 * Stable kernels change as well. 6.18 was recorded as 6.18.44 on x86-64 with 4 levels, and as 6.18.15 on all else; so what was
 * fixed in between is there on the one and not on the others.
 */
function isLate(format: Format): boolean {
  return format.name === "x86-64";
}

const v6_18: Profile = {
  name: "6.18",
  ptReclaim: (format) => format.machine === "x86_64",
  guards: true,
  guardsMarkAreas: isLate,
  tracksOwners: true,
  joinsBareAreas: true,
  remapsSeveral: true,
  remapChecksFirst: true,
  remapRoundsFirst: true,
  collapsesNothing: false,
  collapseWantsWritable: false,
  remapBatches: true,
  splitDropsZeros: true,
  hugeZeroSpecial: true,
  replacesHugeZero: true,
  pagemapAsksHead: true,
  rmapLocksLarge: true,
  zapDrainsLru: false,
  dontunmapUnlocksAll: true,
  mprotectBatches: true,
  contMakesValid: false,
  mapsDirtyFoliosDirty: true,
  faultAroundMapsFolios: true,
  swapInCounters: true,
  lazyHuge: (format) => (isLate(format) ? "split" : "whole"),
  unmapBatches: true,
  unmapRespectsWrite: isLate,
  collapseCounters: false,
};

/** Every kernel that the model is held against, oldest first. */
export const profiles: readonly Profile[] = [
  v6_12,
  v6_18,
  {
    ...v6_18,
    name: "7.2",
    guardsMarkAreas: () => true,
    dontunmapUnlocksAll: false,
    collapsesNothing: true,
    collapseCounters: true,
    lazyHuge: () => "whole",
    unmapRespectsWrite: () => true,
    ptReclaim: (format) => format.machine !== "i686",
  },
];

/** Point releases that differ from others of their version: each is as all from it up to the next. */
const pointReleases: readonly Profile[] = [
  {
    ...v6_18,
    name: "6.18.15",
    guardsMarkAreas: () => false,
    lazyHuge: () => "whole",
    unmapRespectsWrite: () => false,
  },
  {
    ...v6_18,
    name: "6.18.44",
    guardsMarkAreas: () => true,
    lazyHuge: () => "split",
    unmapRespectsWrite: () => true,
  },
];

/** The profile of that name, or of that point release; a UserError lists the known ones otherwise. */
export function profileNamed(name: string): Profile {
  const all = [...profiles, ...pointReleases];
  const known = oneOf(
    "kernel",
    name,
    all.map((p) => p.name),
  );
  return all.find((p) => p.name === known)!;
}

/** Name of the profile that a release of a kernel (`6.18.44`) is held against; undefined where its version has none. */
export function profileOfRelease(release: string): string | undefined {
  const [version, point] = [release.split(".").slice(0, 2).join("."), Number(release.split(".")[2] ?? 0)];
  const from = (p: Profile) => Number(p.name.split(".")[2]);
  const exact = pointReleases.findLast((p) => p.name.startsWith(`${version}.`) && from(p) <= point);
  return (exact ?? profiles.find((p) => p.name === version))?.name;
}
