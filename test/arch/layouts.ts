/**
 * Where the kernel's headers put each bit, written down a second time and in another notation than `src/arch` uses: `12-51 63`
 * are bits 12 to 51 and bit 63. A round trip finds no field that was moved as a whole; these tables do.
 *
 * Source: the headers that each file of `src/arch` names, Linux 6.18, read again for these tables.
 */
import type { A } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";

/** Bits as `12-51 63`. */
type Bits = string;

/** Leaves of one level. Each attribute names the bits that differ between a {@link Leaf.written} leaf of frame 0 and one without or with it. */
export interface Leaf extends Record<keyof typeof A, Bits> {
  /** All bits of a leaf of frame 0 that is writable, dirty and accessed, and nothing else. */
  readonly written: Bits;
  /** The bits of the frame number. */
  readonly frame: Bits;
}

/** All of a format. */
export interface Layout {
  /** By level, as far up as leaves go. */
  readonly leaves: readonly Leaf[];
  /** An entry that points to table 0, by level from 1 up, and where its frame number is. */
  readonly tables: readonly Bits[];
  readonly tableFrame: Bits;
  /** The empty entry, by level. */
  readonly empty: readonly Bits[];
  /** A swap entry of type 0 and offset 0, and what differs where type or offset are all ones. */
  readonly swap: Bits;
  readonly type: Bits;
  readonly offset: Bits;
  readonly swapSoftDirty: Bits;
  readonly swapExclusive: Bits;
  readonly swapUffdWp: Bits;
}

/** The number that has these bits. */
export function wordOf(bits: Bits): bigint {
  let word = 0n;
  for (const range of bits.split(" ").filter((text) => text !== "")) {
    const [first, last] = range.split("-").map(Number);
    for (let bit = first!; bit <= (last ?? first!); bit++) word |= 1n << BigInt(bit);
  }
  return word;
}

/** `levels` times the same. */
function times<T>(levels: number, one: (level: number) => T): T[] {
  return Array.from({ length: levels }, (_, level) => one(level));
}

/** Attributes that a format has no bits for. */
const NOTHING = { cont: "", softDirty: "", uffdWp: "", noUser: "", special: "", exec: "", global: "" };

const X86_TABLE = "0-2 5-6";

function x86Leaf(level: number, frameFrom: number): Leaf {
  const pse = level > 0 ? " 7" : "";
  const frame = `${frameFrom}-51`;
  return {
    ...NOTHING,
    ...{ written: `0-2 5-6 63${pse}`, frame, write: "1 6 58", dirty: "6", young: "5", exec: "63", special: "9" },
    ...{ global: "8", softDirty: "11", uffdWp: "10", protnone: `0 2 8 ${frame} 63` },
  };
}

const x86Swap = { swap: "9-58", type: "59-63", offset: "9-58" };

function x86_64(levels: number): Layout {
  return {
    leaves: [x86Leaf(0, 12), x86Leaf(1, 21), x86Leaf(2, 30)],
    tables: times(levels - 1, () => X86_TABLE),
    tableFrame: "12-51",
    empty: times(levels, () => ""),
    ...x86Swap,
    ...{ swapSoftDirty: "1", swapExclusive: "3", swapUffdWp: "2" },
  };
}

/** Both formats of 32-bit kernels: no uffd-wp and no soft-dirty, so that saved-dirty has bit 10. */
const x86On32 = { softDirty: "", uffdWp: "", write: "1 6 10" };

const x86Pae: Layout = {
  leaves: [x86Leaf(0, 12), x86Leaf(1, 21)].map((leaf) => ({ ...leaf, ...x86On32 })),
  tables: [X86_TABLE, "0"],
  tableFrame: "12-51",
  empty: ["", "", ""],
  ...x86Swap,
  // 27 bits of offset.
  offset: "9-35",
  ...{ swapSoftDirty: "", swapExclusive: "7", swapUffdWp: "" },
};

const x86_32: Layout = {
  leaves: [x86Leaf(0, 12), x86Leaf(1, 22)].map((leaf, level) => ({
    ...{ ...leaf, ...x86On32, exec: "", protnone: "0 2 8" },
    ...{ written: level > 0 ? "0-2 5-7" : "0-2 5-6", frame: level > 0 ? "22-31" : "12-31" },
  })),
  tables: [X86_TABLE],
  tableFrame: "12-31",
  empty: ["", ""],
  ...{ swap: "", type: "1-5", offset: "9-31", swapSoftDirty: "", swapExclusive: "7", swapUffdWp: "" },
};

/** The output address of each granule: where it begins by level, and its upper end with what 52 bits add. */
function arm64Frame(name: string, level: number): Bits {
  const from = { "4k": [12, 21, 30], "16": [14, 25], "64": [16, 29] }[name.slice(6, 8)]![level];
  if (!name.endsWith("-52")) return `${from}-47`;
  return name.startsWith("arm64-64k") ? `${from}-47 12-15` : `${from}-49 8-9`;
}

function arm64(name: string, levels: number): Layout {
  const frame = (level: number) => arm64Frame(name, level);
  // LPA2 takes the shareability bits.
  const shared = frame(0).endsWith(" 8-9") ? "" : "8-9";
  const leaf = (level: number): Leaf => ({
    ...NOTHING,
    ...{ written: `0 ${level === 0 ? 1 : ""} 6 ${shared} 10 11 51 53 54 55`, frame: frame(level) },
    // Not writable or not dirty is read-only to hardware.
    ...{
      write: "7 51",
      dirty: "7 55",
      young: "10",
      exec: "54",
      special: "56",
      uffdWp: "58",
      global: "11",
      noUser: "6",
    },
    ...{ cont: level < 2 ? "52" : "", protnone: "0 6" },
  });
  return {
    leaves: times(name.startsWith("arm64-4k") ? 3 : 2, leaf),
    tables: times(levels - 1, () => "0 1 10 59"),
    tableFrame: frame(0),
    empty: times(levels, () => ""),
    ...{ swap: "", type: "6-10", offset: "12-61", swapSoftDirty: "", swapExclusive: "2", swapUffdWp: "3" },
  };
}

function riscv(levels: number): Layout {
  const leaf = (level: number): Leaf => ({
    ...NOTHING,
    ...{ written: "0-2 4 6-7", frame: `${10 + 9 * level}-53`, write: "2", dirty: "7", young: "6", exec: "3" },
    // Svnapot for 64K: N, and 1000 in the low bits of the frame number.
    ...{ special: "8", global: "5", cont: level === 0 ? "13 63" : "", protnone: "0 4 5" },
  });
  return {
    leaves: times(3, leaf),
    tables: times(levels - 1, () => "0"),
    tableFrame: "10-53",
    empty: times(levels, () => ""),
    ...{ swap: "", type: "7-11", offset: "12-63", swapSoftDirty: "", swapExclusive: "6", swapUffdWp: "" },
  };
}

const s390Pte: Leaf = {
  ...NOTHING,
  ...{ written: "0 2-5 8", frame: "12-63", softDirty: "1", special: "6", exec: "8" },
  // Read-only to hardware without write or dirty, invalid to it without accessed or read.
  ...{ write: "5 9", dirty: "3 9", young: "2 10", protnone: "4 8 9 10" },
};

/** Software bits of large leaves lie in bits 12 to 15, the invalid bit in 5; `from` is where the frame number begins. */
function s390Large(from: number, type: Bits): Leaf {
  return {
    ...NOTHING,
    ...{ written: `0 ${type} 8 10 12-15`, frame: `${from}-63`, softDirty: "1", exec: "8" },
    ...{ write: "15 9", dirty: "13 9", young: "12 5", protnone: "14 8 9 5" },
  };
}

function s390(levels: number): Layout {
  return {
    leaves: [s390Pte, s390Large(20, ""), s390Large(31, "2")],
    // Region tables have their type in bits 2-3 and all of their length in bits 0-1.
    tables: ["0", "0-1 2", "0-1 3", "0-1 2-3"].slice(0, levels - 1),
    tableFrame: "12-63",
    empty: ["10", "5", "5 2", "5 3", "5 2-3"].slice(0, levels),
    ...{ swap: "9 10", type: "2-6", offset: "12-63", swapSoftDirty: "1", swapExclusive: "11", swapUffdWp: "" },
  };
}

/** The tables for a format. */
export function layoutOf({ name, machine, indexLg2 }: Format): Layout {
  const levels = indexLg2.length;
  switch (machine) {
    case "x86_64":
      return x86_64(levels);
    case "i686":
      return name === "x86-pae" ? x86Pae : x86_32;
    case "aarch64":
      return arm64(name, levels);
    case "riscv64":
      return riscv(levels);
    default:
      return s390(levels);
  }
}
