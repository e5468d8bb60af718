/**
 * Cores with arm64 page tables: Arm's Neoverse N1 and Apple's M1.
 */
import { GiB, KiB, MiB } from "../../base/size.ts";
import { assumed, type Core, sourced } from "./core.ts";

const trm = sourced(
  "Arm Neoverse N1 Core TRM (100616), TLB organization; the same in Cortex-A76's (100798_0300), A5.2",
);
const wikichip = sourced("WikiChip, Neoverse N1 (revision of 20 February 2019), memory hierarchy");
const upTo11 = sourced("WikiChip, Neoverse N1 (revision of 20 February 2019): 9 to 11 cycles, the upper end");
const idRegister = sourced(
  "Arm Cortex-A76 Core TRM (100798_0300), B2.58: ID_AA64MMFR0_EL1.ASIDBits is 2; N1 is that core",
);

/** Blocks of 64K are contiguous runs of 4K pages as well as pages of 64K. The two first levels differ (A5.2.1 and A5.2.2). */
const FETCH_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 32 * MiB];
const DATA_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 512 * MiB];
const L2_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 32 * MiB, 512 * MiB, GiB];

const neoverseN1: Core = {
  name: "neoverse-n1",
  title: "Arm Neoverse N1",
  machines: ["aarch64"],
  clock: assumed(2.6, "about the clock of Graviton2 and Altra"),
  asidBits: idRegister(16),
  tlb: [
    [
      { name: "L1 ITLB", entries: trm(48), ways: trm(48), holds: FETCH_SIZES, for: "fetch" },
      { name: "L1 DTLB", entries: trm(48), ways: trm(48), holds: DATA_SIZES, for: "data" },
    ],
    [{ name: "L2 TLB", entries: trm(1280), ways: trm(5), holds: L2_SIZES }],
  ],
  tlbLatency: [
    assumed(0, "part of every load's latency"),
    assumed(6, "the TRM of Cortex-A76 says three cycles for the access alone, and longer for other sizes of pages"),
  ],
  walkCache: [
    null,
    {
      entries: assumed(
        64,
        "the TRM names no walk cache; Cortex-A55's (TRM 100442) has 64 entries in 4 ways for all levels",
      ),
      ways: assumed(4, "as above"),
    },
    { sharedWith: 1 },
    { sharedWith: 1 },
    { sharedWith: 1 },
  ],
  caches: [
    { name: "L1D", bytes: wikichip(64 * KiB), ways: wikichip(4), line: wikichip(64), latency: wikichip(4) },
    { name: "L2", bytes: wikichip(MiB), ways: wikichip(8), line: assumed(64, "as the L1D's"), latency: upTo11(11) },
    {
      name: "SLC",
      bytes: assumed(32 * MiB, "as Graviton2 and Altra have it, shared by all cores"),
      ways: assumed(16, "usual of system-level caches"),
      line: assumed(64, "as the L1D's"),
      latency: assumed(80, "a mesh of 64 cores lies between"),
    },
  ],
  walkerFrom: assumed(1, "walkers of Arm's big cores are taken to read through the L2"),
  memory: assumed(110, "usual of many-core servers with DDR4, local"),
  notes:
    "The L2 TLB holds addresses of tables that walks have found, too, and has a prefetcher; neither is modelled. Replacement of " +
    "TLBs is not published, of the L1D it is pseudo-LRU: LRU is taken.",
};

const macMini = sourced("AnandTech 16252, The 2020 Mac Mini Unleashed (2020), page 1");
const m1Max = sourced("AnandTech 17024, Apple's M1 Pro, M1 Max SoCs Investigated (2021), page 2: what the M1 has");
/** VirtualBox's data base of processors: registers as read on the chip. */
const ccsidr = sourced("VirtualBox, ARM_Apple_M1.h (of 2026-02-01): CCSIDR_EL1 read on Firestorm");
const mmfr0 = sourced("VirtualBox, ARM_Apple_M1.h (of 2026-02-01): ID_AA64MMFR0_EL1 is 0x12120f100001, ASIDBits 0");
const a14 = "usually given after AnandTech's article on the A14 (2020), whose numbers are not at hand";

/** Linux on it has pages of 16K; its contiguous blocks of 2M and leaves of 32M are taken to be held as such. */
const M1_SIZES = [4 * KiB, 16 * KiB, 64 * KiB, 2 * MiB, 32 * MiB];

const m1: Core = {
  name: "apple-m1",
  title: "Apple M1, performance core (Firestorm)",
  machines: ["aarch64"],
  clock: macMini(3.2),
  asidBits: mmfr0(8),
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
        entries: assumed(256, a14),
        ways: assumed(8, "32 sets; what attackers have found differs by method"),
        holds: M1_SIZES,
        for: "data",
      },
    ],
    [{ name: "L2 TLB", entries: assumed(3072, a14), ways: assumed(12, "256 sets; not published"), holds: M1_SIZES }],
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
      bytes: ccsidr(128 * KiB),
      ways: ccsidr(8),
      line: ccsidr(64),
      latency: m1Max(3),
    },
    {
      name: "L2",
      bytes: ccsidr(12 * MiB),
      ways: ccsidr(12),
      line: ccsidr(128),
      latency: assumed(16, "published measurements lie between 15 and 18 cycles"),
    },
    {
      name: "SLC",
      bytes: m1Max(8 * MiB),
      ways: assumed(16, "usual of system-level caches"),
      line: assumed(128, "as the L2"),
      latency: assumed(100, "beyond the L2 and the fabric"),
    },
  ],
  walkerFrom: assumed(1, "as other arm64 cores"),
  memory: assumed(97, "usually given after AnandTech's chart of the M1, which is not at hand"),
  notes:
    "Much is not published. The four performance cores share the L2, all of the chip the SLC; here one core has both.",
};

/** Cores with arm64 page tables. */
export const arm64Cores: readonly Core[] = [neoverseN1, m1];
