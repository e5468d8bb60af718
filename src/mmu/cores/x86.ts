/**
 * Cores with x86 page tables: Intel's Skylake as client and server, AMD's Zen 4.
 */
import type { Core, CoreArray, Sourced } from "./core.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

const from =
  (source: string) =>
  (value: number): Sourced => ({ value, source });
const assumed = (value: number, why: string): Sourced => ({ value, source: `assumed; ${why}` });

const guide = from(
  "Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), chapter on Skylake: TLB and cache parameters",
);
const revanc = from(
  "van Schaik et al., RevAnC: A Framework for Reverse Engineering Hardware Page Table Caches, EuroSec 2017",
);
const sdm = from("Intel SDM volume 3A section 4.10.1: PCIDs have 12 bits");

/** The replacement of the first levels is a tree: Gras et al., Translation Leak-aside Buffer, USENIX Security 2018. */
const skylakeTlb: readonly (readonly CoreArray[])[] = [
  [
    { name: "ITLB, 4K", entries: guide(128), ways: guide(8), holds: [4 * KiB], for: "fetch", policy: "plru" },
    {
      name: "ITLB, 2M and 4M",
      entries: guide(8),
      ways: guide(8),
      holds: [2 * MiB, 4 * MiB],
      for: "fetch",
      policy: "plru",
    },
    { name: "DTLB, 4K", entries: guide(64), ways: guide(4), holds: [4 * KiB], for: "data", policy: "plru" },
    {
      name: "DTLB, 2M and 4M",
      entries: guide(32),
      ways: guide(4),
      holds: [2 * MiB, 4 * MiB],
      for: "data",
      policy: "plru",
    },
    { name: "DTLB, 1G", entries: guide(4), ways: guide(4), holds: [GiB], for: "data", policy: "plru" },
  ],
  [
    { name: "STLB, 4K, 2M and 4M", entries: guide(1536), ways: guide(12), holds: [4 * KiB, 2 * MiB, 4 * MiB] },
    { name: "STLB, 1G", entries: guide(16), ways: guide(4), holds: [GiB] },
  ],
];

const line = guide(64);

const skylakeClient: Core = {
  name: "skylake-client",
  title: "Intel Skylake, client",
  machines: ["x86_64", "i686"],
  clock: assumed(4, "about the sustained clock of an i7-6700K"),
  asidBits: sdm(12),
  tlb: skylakeTlb,
  tlbLatency: [
    assumed(0, "part of every load's latency"),
    from("Intel, top-down metrics for Skylake (TMA): Mem_STLB_Hit_Cost")(9),
  ],
  walkCache: [
    null,
    { entries: revanc(32), ways: assumed(32, "fully associative: sets were not told apart") },
    { entries: revanc(4), ways: assumed(4, "fully associative: sets were not told apart") },
    null,
  ],
  caches: [
    { name: "L1D", bytes: guide(32 * KiB), ways: guide(8), line, latency: guide(4) },
    { name: "L2", bytes: guide(256 * KiB), ways: guide(4), line, latency: guide(12) },
    { name: "L3", bytes: guide(8 * MiB), ways: guide(16), line, latency: guide(44) },
  ],
  walkerFrom: assumed(
    0,
    "page walks of Intel cores count as loads of the first level (event PAGE_WALKER_LOADS of Haswell)",
  ),
  memory: assumed(70, "usual of desktop DDR4"),
  notes:
    "Two walkers work at a time and the STLB hashes its sets; both are not modelled. Its published replacement, (MRU + 1) mod 3 over " +
    "trees of four, is taken as LRU. No cache of PML4 entries was found.",
};

const skylakeServer: Core = {
  ...skylakeClient,
  name: "skylake-server",
  title: "Intel Skylake, server",
  clock: assumed(2.7, "about the sustained clock of a Xeon Platinum 8180"),
  caches: [
    { name: "L1D", bytes: guide(32 * KiB), ways: guide(8), line, latency: guide(4) },
    { name: "L2", bytes: guide(MiB), ways: guide(16), line, latency: guide(14) },
    {
      name: "L3",
      bytes: assumed(22 * MiB, "16 slices of 1.375 MiB, a power of two of sets; parts have up to 28"),
      ways: guide(11),
      line,
      latency: guide(70),
    },
  ],
  memory: assumed(90, "usual of two-socket servers with DDR4, local node"),
};

const sog = from("AMD, Software Optimization Guide for the AMD Zen4 Microarchitecture (57647)");
const olderSog = from(
  "AMD, Software Optimization Guide for Family 17h (55723): a page-directory cache of 64 entries; Zen 4's names none",
);
const recorded = from("recorded on a virtual machine, EPYC Zen 4: random loads over 1 GiB, 2M pages, less translation");

const all = [4 * KiB, 2 * MiB, GiB];

const zen4: Core = {
  name: "zen-4",
  title: "AMD Zen 4",
  machines: ["x86_64", "i686"],
  clock: assumed(3.7, "about the sustained clock of EPYC 9004 parts"),
  asidBits: sdm(12),
  tlb: [
    [
      {
        name: "L1 ITLB",
        entries: sog(64),
        ways: sog(64),
        holds: all,
        for: "fetch",
        coalesces: assumed(4, "as the data side's"),
      },
      { name: "L1 DTLB", entries: sog(72), ways: sog(72), holds: all, for: "data", coalesces: sog(4) },
    ],
    [
      {
        name: "L2 ITLB",
        entries: sog(512),
        ways: sog(8),
        holds: [4 * KiB, 2 * MiB],
        for: "fetch",
        coalesces: assumed(4, "as the data side's"),
      },
      { name: "L2 DTLB", entries: sog(3072), ways: sog(24), holds: [4 * KiB, 2 * MiB], for: "data", coalesces: sog(4) },
    ],
  ],
  tlbLatency: [
    assumed(0, "part of every load's latency"),
    assumed(7, "what AMD names for the second level of Zen; the guide for Zen 4 gives none"),
  ],
  walkCache: [
    null,
    {
      entries: assumed(
        1024,
        "these entries share the L2 DTLB with translations (guide, 2.7.2): taken as a third of it, apart",
      ),
      ways: assumed(8, "a third of the L2 DTLB's"),
    },
    { entries: olderSog(64), ways: olderSog(64) },
    { sharedWith: 2 },
    { sharedWith: 2 },
  ],
  caches: [
    { name: "L1D", bytes: sog(32 * KiB), ways: sog(8), line: sog(64), latency: sog(4) },
    { name: "L2", bytes: sog(MiB), ways: sog(8), line: sog(64), latency: sog(14) },
    { name: "L3", bytes: sog(32 * MiB), ways: sog(16), line: sog(64), latency: sog(50) },
  ],
  walkerFrom: assumed(
    1,
    "AMD's walkers are taken to read through the second level, as in the guides of earlier families",
  ),
  memory: recorded(196),
  notes:
    "Six walkers work at a time; here one does. 1G pages are kept as 2M pieces in the second level. AMD publishes no replacement " +
    "policy: LRU is taken. The L3 holds victims of the L2; here every cache on the way is filled.",
};

/** Cores with x86 page tables. */
export const x86Cores: readonly Core[] = [skylakeClient, skylakeServer, zen4];
