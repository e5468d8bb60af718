/**
 * The files below /sys/kernel/mm/transparent_hugepage: which there are, what each takes, and with which error it refuses. What
 * a value means for faults is in `thp.ts`; most files mean nothing to the model, which has no khugepaged and no lack of memory,
 * and are checked all the same.
 *
 * Not modelled: reading them. Source: mm/huge_memory.c (enabled_store, anon_enabled_store, thpsize_create), mm/khugepaged.c,
 * mm/shmem.c (shmem_enabled_store, thpsize_shmem_enabled_store), Linux 6.18; recorded writes on 6.12, 6.18 and 7.2.
 */
import { type Format, pmdOrder } from "../arch/format.ts";
import { KiB } from "../base/size.ts";
import type { Errno } from "./errno.ts";
import type { Profile } from "./profile.ts";
import { ANON, MIN_ANON_ORDER, SHMEM, SHMEM_TOP, type ThpKnobs, TOP } from "./thp.ts";

/** What a write does: null for success. */
type Store = (value: string) => Errno | null;

/** A file that may be written, one that may not, or a directory. */
type Node = Store | "read-only" | "directory";

/** MAX_PAGECACHE_ORDER, as far as an xarray reaches (MAX_XAS_ORDER); the PMD order may be the lower bound. */
const MAX_CACHE_ORDER = 11;

const DEFRAG = ["always", "defer", "defer+madvise", "madvise", "never"] as const;
const UINT_MAX = 2 ** 32 - 1;

/** The files, by their path without `.` and doubled slashes. */
export class ThpSysfs {
  readonly #nodes = new Map<string, Node>();

  constructor(knobs: ThpKnobs, format: Format, profile: Profile) {
    this.#addTop(knobs, format);
    this.#addKhugepaged(pmdOrder(format));
    for (let order = 1; order <= pmdOrder(format); order++) this.#addSize(knobs, format, profile, order);
  }

  /** Writes a file; null on success. */
  write(path: string, value: string): Errno | null {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    // The recorder follows no path that leads up.
    if (path.includes("..")) return "ENOENT";
    const node = this.#nodes.get(parts.join("/"));
    if (node === "directory") return "EISDIR";
    if (node === undefined) return parts.some((_, i) => this.#isFile(parts.slice(0, i))) ? "ENOTDIR" : "ENOENT";
    if (path.endsWith("/")) return "ENOTDIR";
    return node === "read-only" ? "EACCES" : node(value);
  }

  #isFile(parts: readonly string[]): boolean {
    return (this.#nodes.get(parts.join("/")) ?? "directory") !== "directory";
  }

  #addTop(knobs: ThpKnobs, format: Format): void {
    const pmd = pmdOrder(format);
    this.#nodes
      .set("", "directory")
      .set("hpage_pmd_size", "read-only")
      .set(
        "enabled",
        oneOf(TOP, (value) => {
          knobs.enabled = value;
          return null;
        }),
      )
      .set("defrag", oneOf(DEFRAG))
      .set(
        "use_zero_page",
        flag((on) => {
          knobs.useZeroPage = on;
        }),
      )
      .set("shrink_underused", flag())
      .set(
        "shmem_enabled",
        oneOf(SHMEM_TOP, (value) => {
          // What forces the PMD size must be followed by that size, and by no other.
          const followed = [...knobs.shmemOrders].filter(([, knob]) => knob === "inherit");
          if (value === "force" && !(followed.length === 1 && followed[0]![0] === pmd)) return "EINVAL";
          knobs.shmemEnabled = value;
          return null;
        }),
      );
  }

  #addKhugepaged(pmd: number): void {
    this.#nodes.set("khugepaged", "directory").set("khugepaged/defrag", flag());
    for (const name of ["full_scans", "pages_collapsed"]) this.#nodes.set(`khugepaged/${name}`, "read-only");
    for (const name of ["alloc_sleep_millisecs", "scan_sleep_millisecs"])
      this.#nodes.set(`khugepaged/${name}`, number(0, UINT_MAX));
    for (const name of ["max_ptes_none", "max_ptes_swap", "max_ptes_shared"])
      this.#nodes.set(`khugepaged/${name}`, number(0, 2 ** pmd - 1));
    this.#nodes.set("khugepaged/pages_to_scan", number(1, UINT_MAX));
  }

  /** `thpsize_create`: a directory for each size that anonymous memory or the page cache can have. */
  #addSize(knobs: ThpKnobs, format: Format, profile: Profile, order: number): void {
    const anon = order >= MIN_ANON_ORDER;
    const cache = order <= MAX_CACHE_ORDER;
    if (!anon && !cache) return;
    const dir = `hugepages-${2 ** (order + format.pageLg2) / KiB}kB`;
    this.#nodes.set(dir, "directory").set(`${dir}/stats`, "directory");
    for (const name of counters(profile, anon, cache)) this.#nodes.set(`${dir}/stats/${name}`, "read-only");
    if (anon) this.#nodes.set(`${dir}/enabled`, anonStore(knobs, order));
    if (cache) this.#nodes.set(`${dir}/shmem_enabled`, shmemStore(knobs, order, pmdOrder(format)));
  }
}

function anonStore(knobs: ThpKnobs, order: number): Store {
  return oneOf(ANON, (value) => {
    knobs.anonOrders.set(order, value);
    return null;
  });
}

function shmemStore(knobs: ThpKnobs, order: number, pmd: number): Store {
  return oneOf(SHMEM, (value) => {
    if (value === "inherit" && order !== pmd && knobs.shmemEnabled === "force") return "EINVAL";
    knobs.shmemOrders.set(order, value);
    return null;
  });
}

/** Names in `stats`: those of anonymous memory, of shared memory, and of both. */
function counters(profile: Profile, anon: boolean, cache: boolean): string[] {
  const names = ["split", "split_failed", "swpout", "swpout_fallback"];
  if (profile.swapInCounters) names.push("swpin", "swpin_fallback", "swpin_fallback_charge", "zswpout");
  if (cache) names.push("shmem_alloc", "shmem_fallback", "shmem_fallback_charge");
  if (!anon) return names;
  names.push("anon_fault_alloc", "anon_fault_fallback", "anon_fault_fallback_charge");
  names.push("nr_anon", "nr_anon_partially_mapped", "split_deferred");
  if (profile.collapseCounters) names.push("collapse_alloc", "collapse_alloc_failed");
  return names;
}

/** `sysfs_streq` with each of the values. */
function oneOf<T extends string>(values: readonly T[], store?: (value: T) => Errno | null): Store {
  return (text) => {
    const value = values.find((v) => v === text);
    return value === undefined ? "EINVAL" : (store?.(value) ?? null);
  };
}

/** `kstrtoul` to the base of 10: digits, with a plus before them if need be. */
function number(min: number, max: number, store?: (value: number) => void): Store {
  return (text) => {
    const value = /^\+?\d+$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) return "EINVAL";
    store?.(value);
    return null;
  };
}

/** `single_hugepage_flag_store`. */
function flag(store?: (on: boolean) => void): Store {
  return number(0, 1, (value) => store?.(value === 1));
}
