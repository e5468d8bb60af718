/**
 * Cores with riscv page tables: SiFive's U74, the core of the first boards that people ran Linux on.
 */
import { GiB, KiB, MiB } from "../../base/size.ts";
import { assumed, type Core, sourced } from "./core.ts";

/** Sizes and sets; ways are what they leave, and the same in both. */
const dts = sourced("arch/riscv/boot/dts/starfive/jh7110.dtsi and sifive/fu740-c000.dtsi, Linux 6.18");
/** The tree has no word for a second level of TLB. */
const rocket = "512 direct-mapped, as rocket-chip's second level in cores of this class";
/** What the second level keeps are pages of 4K: rocket's L2 TLB, from which it comes, takes no larger leaves. */
const SMALL = [4 * KiB];

const u74: Core = {
  name: "sifive-u74",
  title: "SiFive U74",
  machines: ["riscv64"],
  clock: sourced("arch/riscv/boot/dts/starfive/jh7110.dtsi, operating points up to 1.5 GHz")(1.5),
  asidBits: assumed(0, "Linux finds no bits of ASID on boards with it, and switches off its allocator"),
  tlb: [
    [
      { name: "ITLB", entries: dts(40), ways: dts(40), holds: [4 * KiB, 2 * MiB, GiB], for: "fetch" },
      { name: "DTLB", entries: dts(40), ways: dts(40), holds: [4 * KiB, 2 * MiB, GiB], for: "data" },
    ],
    [{ name: "L2 TLB", entries: assumed(512, rocket), ways: assumed(1, rocket), holds: SMALL }],
  ],
  tlbLatency: [assumed(0, "part of every load's latency"), assumed(5, "a few cycles to a memory of its own")],
  walkCache: [
    null,
    {
      entries: assumed(
        8,
        "rocket-chip's page-table cache, from which it comes, has 8 entries for all levels (nPTECacheEntries)",
      ),
      ways: assumed(8, "fully associative"),
    },
    { sharedWith: 1 },
    { sharedWith: 1 },
    { sharedWith: 1 },
  ],
  caches: [
    {
      name: "L1D",
      bytes: dts(32 * KiB),
      ways: dts(8),
      line: dts(64),
      latency: assumed(3, "a pipeline of eight stages, two of them for memory"),
    },
    {
      name: "L2",
      bytes: dts(2 * MiB),
      ways: dts(16),
      line: dts(64),
      latency: assumed(25, "a shared cache on a bus at the cores' clock"),
    },
  ],
  walkerFrom: assumed(0, "rocket's walker is a client of the first level cache"),
  memory: assumed(130, "usual of boards with LPDDR4"),
  notes:
    "Svnapot is not implemented: contiguous entries are held page by page. The first levels' replacement is taken as LRU.",
};

/** Cores with riscv page tables. */
export const riscvCores: readonly Core[] = [u74];
