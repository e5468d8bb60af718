/**
 * Cores with arm64 page tables: Arm's Neoverse N1 and Apple's M1.
 */
import type { Core, Sourced } from "./core.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

const from =
  (source: string) =>
  (value: number): Sourced => ({ value, source });
const assumed = (value: number, why: string): Sourced => ({ value, source: `assumed; ${why}` });

const trm = from("Arm Neoverse N1 Core TRM (100616), TLB organization; Cortex-A76 Core TRM (100798) has the same");
const wikichip = from("WikiChip, Neoverse N1");
const armArm = from("Arm ARM (DDI 0487), ID_AA64MMFR0_EL1.ASIDBits");

/** Blocks of 64K are contiguous runs of 4K pages as well as pages of 64K. */
const L1_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 512 * MiB];
const L2_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 32 * MiB, 512 * MiB, GiB];

const neoverseN1: Core = {
  name: "neoverse-n1",
  title: "Arm Neoverse N1",
  machines: ["aarch64"],
  clock: assumed(2.6, "about the clock of Graviton2 and Altra"),
  asidBits: armArm(16),
  tlb: [
    [
      { name: "L1 ITLB", entries: trm(48), ways: trm(48), holds: L1_SIZES, for: "fetch" },
      { name: "L1 DTLB", entries: trm(48), ways: trm(48), holds: L1_SIZES, for: "data" },
    ],
    [{ name: "L2 TLB", entries: trm(1280), ways: trm(5), holds: L2_SIZES }],
  ],
  tlbLatency: [assumed(0, "part of every load's latency"), assumed(6, "between a hit of the L1 and of the L2 cache")],
  walkCache: [
    null,
    {
      entries: assumed(64, "the TRM names no walk cache; Cortex-A55's has 64 entries in 4 ways for all levels"),
      ways: assumed(4, "as above"),
    },
    { sharedWith: 1 },
    { sharedWith: 1 },
    { sharedWith: 1 },
  ],
  caches: [
    { name: "L1D", bytes: wikichip(64 * KiB), ways: wikichip(4), line: wikichip(64), latency: wikichip(4) },
    { name: "L2", bytes: wikichip(MiB), ways: wikichip(8), line: wikichip(64), latency: wikichip(11) },
    {
      name: "SLC",
      bytes: assumed(32 * MiB, "as Graviton2 and Altra have it, shared by all cores"),
      ways: assumed(16, "usual of system-level caches"),
      line: wikichip(64),
      latency: assumed(80, "a mesh of 64 cores lies between"),
    },
  ],
  walkerFrom: assumed(1, "walkers of Arm's big cores are taken to read through the L2"),
  memory: assumed(110, "usual of many-core servers with DDR4, local"),
  notes:
    "The L2 TLB may hold walk entries too and has a prefetcher; neither is modelled. Replacement is not published: LRU is taken.",
};

const anandtech = from(
  "AnandTech, The 2020 Mac Mini Unleashed / Apple Announces the Apple Silicon M1 (A14 deep dive), 2020",
);

/** Linux on it has pages of 16K; its contiguous blocks of 2M and leaves of 32M are taken to be held as such. */
const M1_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 32 * MiB];

const m1: Core = {
  name: "apple-m1",
  title: "Apple M1, performance core (Firestorm)",
  machines: ["aarch64"],
  clock: anandtech(3.2),
  asidBits: armArm(16),
  tlb: [
    [
      {
        name: "L1 ITLB",
        entries: assumed(192, "between its data TLB and those of other wide cores"),
        ways: assumed(6, "32 sets, as for data"),
        holds: M1_SIZES,
        for: "fetch",
      },
      {
        name: "L1 DTLB",
        entries: anandtech(256),
        ways: assumed(8, "32 sets; what attackers have found differs by method"),
        holds: M1_SIZES,
        for: "data",
      },
    ],
    [{ name: "L2 TLB", entries: anandtech(3072), ways: assumed(12, "256 sets; not published"), holds: M1_SIZES }],
  ],
  tlbLatency: [assumed(0, "part of every load's latency"), assumed(8, "half of the L2 cache's")],
  walkCache: [
    null,
    {
      entries: assumed(64, "Apple publishes nothing; a size as other wide cores have"),
      ways: assumed(64, "fully associative"),
    },
    { entries: assumed(16, "a quarter of the level below"), ways: assumed(16, "fully associative") },
    { entries: assumed(4, "a quarter of the level below"), ways: assumed(4, "fully associative") },
    { entries: assumed(4, "as the level below"), ways: assumed(4, "fully associative") },
  ],
  caches: [
    {
      name: "L1D",
      bytes: anandtech(128 * KiB),
      ways: assumed(8, "256 sets of 64 bytes, the index within a page of 16K"),
      line: assumed(64, "the coherence granule is 128, the first level's line 64"),
      latency: anandtech(3),
    },
    {
      name: "L2",
      bytes: anandtech(12 * MiB),
      ways: assumed(12, "8192 sets, a power of two"),
      line: assumed(128, "the granule that the system reports"),
      latency: assumed(16, "published measurements lie between 15 and 18 cycles"),
    },
    {
      name: "SLC",
      bytes: anandtech(8 * MiB),
      ways: assumed(16, "usual of system-level caches"),
      line: assumed(128, "as the L2"),
      latency: assumed(100, "beyond the L2 and the fabric"),
    },
  ],
  walkerFrom: assumed(1, "as other arm64 cores"),
  memory: anandtech(97),
  notes:
    "Much is not published. The four performance cores share the L2, all of the chip the SLC; here one core has both.",
};

/** Cores with arm64 page tables. */
export const arm64Cores: readonly Core[] = [neoverseN1, m1];
