/**
 * The live walk on every format and for every kind of memory: its rows, its words and its picture tell what `describeWalk` tells.
 */
import { describe, expect, test } from "vitest";
import type { Format } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { hex } from "../../src/base/size.ts";
import { dataOf } from "../../src/figure/create.ts";
import { walkLive } from "../../src/figure/live/walk.ts";
import { revive } from "../../src/figure/live.ts";
import { NARROW, toSvg, WIDE } from "../../src/figure/render.ts";
import { readWalk } from "../../src/figure/walk-data.ts";
import { walkWords } from "../../src/figure/walk-words.ts";
import { describeWalk } from "../../src/mmu/describe-walk.ts";
import { translate } from "../../src/mmu/translate.ts";
import { WALK_KINDS, walkMemory, walkPlace } from "../../src/study/walk/memory.ts";
import { testHost } from "./samples.ts";

/** What Linux makes on no such format. */
const absent = (f: Format, kind: string) =>
  (kind === "contiguous block" && f.contLg2[0] === 0) || (kind === "PUD leaf" && f.maxLeafLevel < 2);

const cases = formats.flatMap((f) => WALK_KINDS.map((kind) => [f.name, kind, f] as const));
const made = cases.filter(([, kind, f]) => !absent(f, kind));

describe.each(made)("%s, %s", (arch, mapped, f) => {
  const page = () => Number(walkPlace(f) >> BigInt(f.pageLg2));

  test("tells in words and rows every slot that describeWalk tells", async () => {
    const figure = await walkLive.make({ arch, mapped }, {});
    const words = walkWords(figure);
    const lines = describeWalk(walkMemory(arch, mapped).pt, page()).split("\n").slice(1);
    for (const [i, line] of lines.entries()) {
      const [level, slot, bits, word] = line.trim().split(/\s+/);
      const meaning = line.slice(line.indexOf(word!) + word!.length + 2);
      expect(figure.rows[i]).toMatchObject({ level: Number(level), slot, bits, word, meaning });
      expect(words[i + 1]).toContain(`Level ${level}: ${slot} is read. It is ${word}: ${meaning}.`);
    }
    expect(words).toHaveLength(lines.length + 4);
  });

  test("ends where a load ends", async () => {
    const walk = readWalk(await walkLive.make({ arch, mapped }, {}));
    const { fault, pfn } = translate(walkMemory(arch, mapped).pt, page(), false, f.accessDirty);
    expect({ fault: walk.fault, frame: walk.frame }).toEqual({ fault, frame: pfn });
  });
});

/** Drawing takes longer: one kind for each format, each kind on some. */
const drawn = formats.flatMap((f, i) => made.filter(([arch]) => arch === f.name).slice(i % 7, (i % 7) + 1));

test.each(drawn)(
  "%s, %s, is drawn from its data alone, wide and for a phone, with a group for each step that has its words as title",
  async (arch, mapped) => {
    const figure = await walkLive.make({ arch, mapped }, {});
    const again = revive(JSON.parse(JSON.stringify(dataOf(figure))), walkLive);
    for (const width of [WIDE, NARROW]) {
      const svg = toSvg(again, testHost(), { width });
      const titles = [...svg.matchAll(/class="ptlab-step">\s*<title>([^<]*)</g)].map((m) => m[1]);
      expect(titles).toEqual(walkWords(figure));
      expect(svg).not.toContain("NaN");
    }
  },
);

test.each(cases.filter(([, kind, f]) => absent(f, kind)))(
  "%s has no %s, and says so in one line",
  async (arch, mapped) => {
    await expect(walkLive.make({ arch, mapped }, {})).rejects.toThrow(new RegExp(`^${arch} has no [^\\n]+$`));
  },
);

test("a second access reads nothing where the walk ended in a page, and the last slot again where it ended in a fault", async () => {
  const reads = async (mapped: string) => readWalk(await walkLive.make({ mapped }, {})).reads.map(({ again }) => again);
  expect(await reads("base pages")).toEqual([0, 0, 0, 0]);
  expect(await reads("hole")).toEqual([0, 0, 0, 1]);
});

test("the page beside needs a walk unless an entry in the TLB covers both", async () => {
  const reads = async (arch: string, mapped: string) =>
    readWalk(await walkLive.make({ arch, mapped }, {})).reads.map(({ next }) => next);
  expect(await reads("arm64-4k", "base pages")).toEqual([0, 0, 0, 1]);
  expect(await reads("arm64-4k", "contiguous block")).toEqual([0, 0, 0, 0]);
  expect(await reads("x86-64", "PMD leaf")).toEqual([0, 0, 0, 0]);
});

test("an address that no root translates is taken as one that is, and the caption says so", async () => {
  const figure = await walkLive.make({ arch: "x86-32", address: "0x7f1234567890" }, {});
  expect(hex(readWalk(figure).address)).toBe("0x34567890");
  expect(figure.caption).toContain("No root translates 0x7f1234567890: 0x34567890 is taken instead.");
});

test("bits of the upper half mean the kernel's half, with the sign extended", async () => {
  const figure = await walkLive.make({ address: "0x800000000000" }, {});
  expect(hex(readWalk(figure).address)).toBe("0xffff800000000000");
});

test("an address of the kernel's half is walked as it is", async () => {
  const figure = await walkLive.make({ address: "0xffff800000000000" }, {});
  expect(figure.rows[0]).toMatchObject({ slot: "PGD[256]", meaning: "none" });
});

test("a core that does not walk the format is refused in words", async () => {
  const made = walkLive.make({ arch: "arm64-4k", core: "skylake-client" }, {});
  await expect(made).rejects.toThrow(/^skylake-client does not walk arm64-4k: it is for x86_64, i686$/);
});

test.each(["", "7f12", "0x", "0xg"])(
  "the address '%s' is refused, and the error says what is allowed",
  async (address) => {
    await expect(walkLive.make({ address }, {})).rejects.toThrow("0x and up to 16 hexadecimal digits are allowed");
  },
);
