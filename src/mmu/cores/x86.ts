/**
 * Cores with x86 page tables: Intel's Skylake as client and server, AMD's Zen 4.
 */
import { GiB, KiB, MiB } from "../../base/size.ts";
import { assumed, type Core, type CoreArray, sourced } from "./core.ts";

const manual = "Intel Optimization Reference Manual (248966)";
const tlbTable = sourced(`${manual}, table of Skylake's TLB parameters (2-15 in edition 045)`);
const cacheTable = sourced(`${manual}, table of Skylake client's cache parameters`);
const serverTable = sourced(
  `${manual}, section 2.2.1.3, table 2-6 in the edition of spring 2020: 14 cycles for the L2, 50 to 70 for the L3`,
);
const skylakeX = sourced(
  "AnandTech 11550, The Intel Skylake-X Review (2017), page 4: caches of Skylake-S and Skylake-SP",
);
/** What CPUID reports on these cores; the words are those of the table of descriptors. */
const descriptor = (code: string) => sourced(`Intel SDM volume 2A, CPUID leaf 2, descriptor ${code}`);
const [d03, d63, d76, dC3] = [descriptor("03H"), descriptor("63H"), descriptor("76H"), descriptor("C3H")];
const sdm = sourced("Intel SDM volume 3A section 4.10.1: PCIDs have 12 bits");

/** The replacement of the first levels is a tree: Gras et al., Translation Leak-aside Buffer, USENIX Security 2018. */
const skylakeTlb: readonly (readonly CoreArray[])[] = [
  [
    { name: "ITLB, 4K", entries: tlbTable(128), ways: tlbTable(8), holds: [4 * KiB], for: "fetch", policy: "plru" },
    {
      name: "ITLB, 2M and 4M",
      entries: tlbTable(8),
      ways: d76(8),
      holds: [2 * MiB, 4 * MiB],
      for: "fetch",
      policy: "plru",
    },
    { name: "DTLB, 4K", entries: d03(64), ways: d03(4), holds: [4 * KiB], for: "data", policy: "plru" },
    {
      name: "DTLB, 2M and 4M",
      entries: d63(32),
      ways: d63(4),
      holds: [2 * MiB, 4 * MiB],
      for: "data",
      policy: "plru",
    },
    { name: "DTLB, 1G", entries: d63(4), ways: d63(4), holds: [GiB], for: "data", policy: "plru" },
  ],
  [
    // Descriptor C3H says 6 ways for the 1536 entries; that is Broadwell's array.
    { name: "STLB, 4K, 2M and 4M", entries: skylakeX(1536), ways: skylakeX(12), holds: [4 * KiB, 2 * MiB, 4 * MiB] },
    { name: "STLB, 1G", entries: dC3(16), ways: dC3(4), holds: [GiB] },
  ],
];

const line = cacheTable(64);

const skylakeClient: Core = {
  name: "skylake-client",
  title: "Intel Skylake, client",
  machines: ["x86_64", "i686"],
  clock: assumed(4, "about the sustained clock of an i7-6700K"),
  asidBits: sdm(12),
  tlb: skylakeTlb,
  tlbLatency: [
    assumed(0, "part of every load's latency"),
    sourced(
      "Linux, tools/perf/pmu-events/arch/x86/skylakex/skx-metrics.json (Intel's top-down metrics 4.5), tma_dtlb_load: " +
        "9 cycles for each DTLB_LOAD_MISSES.STLB_HIT",
    )(9),
  ],
  walkCache: [
    null,
    {
      entries: assumed(32, "usually given after RevAnC (EuroSec 2017), not at hand; ChampSim's default is 32 too"),
      ways: assumed(32, "fully associative: sets were not told apart"),
    },
    {
      entries: assumed(4, "usually given after RevAnC, whose tool takes 4 up to Ivy Bridge; ChampSim's default is 8"),
      ways: assumed(4, "fully associative: sets were not told apart"),
    },
    null,
  ],
  caches: [
    { name: "L1D", bytes: cacheTable(32 * KiB), ways: cacheTable(8), line, latency: cacheTable(4) },
    { name: "L2", bytes: cacheTable(256 * KiB), ways: cacheTable(4), line, latency: cacheTable(12) },
    // "Up to 2 MB per core, up to 16 ways": that of four cores.
    { name: "L3", bytes: cacheTable(8 * MiB), ways: cacheTable(16), line, latency: cacheTable(44) },
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
    { name: "L1D", bytes: skylakeX(32 * KiB), ways: skylakeX(8), line, latency: skylakeX(4) },
    { name: "L2", bytes: skylakeX(MiB), ways: skylakeX(16), line, latency: serverTable(14) },
    {
      name: "L3",
      bytes: assumed(22 * MiB, "16 slices of 1.375 MiB, a power of two of sets; parts have up to 28"),
      ways: skylakeX(11),
      line,
      // The upper end: AnandTech (as above) measures 77.
      latency: serverTable(70),
    },
  ],
  memory: assumed(90, "usual of two-socket servers with DDR4, local node"),
};

const sog = sourced("AMD, Software Optimization Guide for the AMD Zen4 Microarchitecture (57647)");
const pageDirectoryCache = sourced(
  "Chips and Cheese, Zen 5's Leaked Slides (2023): since Zen 1, 64 entries of PDPTEs and PML4Es; Zen 4's guide names none",
);
const recorded = sourced(
  "recorded on a virtual machine, EPYC Zen 4: random loads over 1 GiB, 2M pages, less translation",
);

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
    assumed(7, "usually given for the second level of Zen, no document at hand; the guide for Zen 4 gives none"),
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
    { entries: pageDirectoryCache(64), ways: assumed(64, "fully associative: nothing is said of sets") },
    { sharedWith: 2 },
    { sharedWith: 2 },
  ],
  caches: [
    { name: "L1D", bytes: sog(32 * KiB), ways: sog(8), line: sog(64), latency: sog(4) },
    { name: "L2", bytes: sog(MiB), ways: sog(8), line: sog(64), latency: sog(14) },
    { name: "L3", bytes: sog(32 * MiB), ways: sog(16), line: sog(64), latency: sog(50) },
  ],
  walkerFrom: assumed(1, "AMD's walkers are taken to read through the second level; no document at hand"),
  memory: recorded(196),
  notes:
    "Six walkers work at a time; here one does. 1G pages are kept as 2M pieces in the second level. AMD publishes no replacement " +
    "policy: LRU is taken. The L3 holds victims of the L2; here every cache on the way is filled.",
};

/** Cores with x86 page tables. */
export const x86Cores: readonly Core[] = [skylakeClient, skylakeServer, zen4];
