import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Capture } from "../../../src/study/capture/format.ts";
import { readCapture } from "../../../src/study/capture/read.ts";
import { contOrder, rollupThpStats, vmaThpStats } from "../../../src/study/capture/thpmaps.ts";
import type { ThpmapsTextOptions } from "../../../src/study/capture/thpmaps-text.ts";
import { thpmapsText } from "../../../src/study/capture/thpmaps-text.ts";
import { type Page, randomCapture, vmaOf } from "./random-layout.ts";
import { slowThpStats } from "./thpmaps-twin.ts";

const golden = new URL("golden/", import.meta.url);
const data = new URL("../../../notebooks/data/", import.meta.url);

const OPTIONS: ThpmapsTextOptions = { contOrders: [], incSmaps: false, incEmpty: false, rollup: true };

async function load(url: URL): Promise<Capture> {
  return readCapture(readFileSync(url), url.pathname);
}

function captureOf(...vmas: Capture["vmas"]): Capture {
  return { name: "", arch: "x86-64", kernel: "6.18", page: 4096, pmdOrder: 9, vmPte: 0, raced: 0, vmas };
}

function folio(head: number, order: number, from = 0, to = 2 ** order, cls: Page["cls"] = "A"): Page[] {
  return Array.from({ length: to - from }, (_, i) => ({ cls, pfn: head + from + i, order }));
}

/** Statistics that are not 0. */
function stats(capture: Capture, ...contOrders: number[]): Record<string, number> {
  const all = rollupThpStats(capture, { contOrders, incSmaps: false }).stats;
  return Object.fromEntries(all.filter((s) => s.kB > 0).map((s) => [s.label, s.kB]));
}

describe("what the kernel's own tool printed for the same stopped process", () => {
  for (const name of ["node-json", "node-json-mthp64k", "python-sqlite", "python-sqlite-thp"])
    test(`${name}: the rolled-up text is the same`, async () => {
      const options = { ...OPTIONS, incEmpty: true, contOrders: [4, 9] };
      const expected = readFileSync(new URL(`${name}.rollup.txt`, golden), "utf8");
      expect(thpmapsText(await load(new URL(`${name}.json.gz`, data)), options)).toBe(expected);
    });

  for (const i of [1, 2, 3]) {
    const options = { ...OPTIONS, contOrders: [4, 2, 9] };
    test(`a program that mixes everything (${i}): the rolled-up text is the same, zeros included`, async () => {
      const expected = readFileSync(new URL(`mixed-${i}.rollup.txt`, golden), "utf8");
      const capture = await load(new URL(`mixed-${i}.json.gz`, golden));
      expect(thpmapsText(capture, { ...options, incEmpty: true })).toBe(expected);
    });

    test(`a program that mixes everything (${i}): each VMA's statistics are the same`, async () => {
      const expected = readFileSync(new URL(`mixed-${i}.vmas.txt`, golden), "utf8");
      const text = thpmapsText(await load(new URL(`mixed-${i}.json.gz`, golden)), { ...options, rollup: false });
      const [header, ...lines] = text.replace(/^\d{10}: \S+ (\S+) .*$/gm, "VMA $1").split("\n");
      expect(header).toContain("START");
      expect(lines.join("\n")).toBe(expected);
    });
  }
});

test("counting by runs gives what counting page by page gives, on random layouts", () => {
  const program = (seed: number) => {
    const capture = randomCapture(seed);
    for (const vma of capture.vmas) {
      const fast = vmaThpStats(vma, capture, { contOrders: [1, 2, 3], incSmaps: false });
      expect(fast.stats).toEqual(slowThpStats(vma, capture, [1, 2, 3]));
    }
  };
  fc.assert(fc.property(fc.nat(2 ** 32 - 1), program), { numRuns: 600 });
});

describe("the tool's quirks", () => {
  test("a fully mapped folio is recognised inside a longer run", () => {
    const capture = captureOf(vmaOf(32, [...folio(16, 4, 5), ...folio(32, 4), ...folio(48, 4, 0, 3)]));
    expect(stats(capture)).toEqual({ "anon-thp-pte-unaligned-64kB": 64, "anon-thp-pte-partial": (11 + 3) * 4 });
  });

  test("folios of order 1 are not printed", () => {
    expect(stats(captureOf(vmaOf(0, folio(2, 1))))).toEqual({});
  });

  test("a run that has no head page is partial as a whole", () => {
    expect(stats(captureOf(vmaOf(0, folio(16, 4, 1, 15))))).toEqual({ "anon-thp-pte-partial": 56 });
  });

  test("a block inside a larger folio counts although it does not begin at a head", () => {
    const capture = captureOf(vmaOf(16, folio(512, 9, 16, 48)));
    expect(stats(capture, 4)).toEqual({ "anon-thp-pte-partial": 128, "anon-cont-pte-aligned-64kB": 128 });
  });

  test("a block of two folios does not count", () => {
    expect(stats(captureOf(vmaOf(16, [...folio(16, 3), ...folio(24, 3)])), 4)).toEqual({
      "anon-thp-pte-aligned-32kB": 64,
    });
  });

  test("what smaps says is mapped by a PMD is not counted as mapped by PTEs", () => {
    const capture = captureOf(vmaOf(512, folio(1024, 9, 0, 512, "H")));
    expect(stats(capture, 4)).toEqual({
      "anon-thp-pmd-aligned-2048kB": 2048,
      "anon-cont-pmd-aligned-64kB": 2048,
    });
  });

  test("a VMA without any permission is left out, although pages are there", () => {
    expect(stats(captureOf(vmaOf(16, folio(16, 4), "---p")))).toEqual({});
  });

  test("an incomplete folio counts as what the page before it is", () => {
    const pages = [...folio(16, 4, 0, 16, "F"), ...folio(32, 4, 0, 5)];
    expect(stats(captureOf(vmaOf(16, pages)))).toMatchObject({ "file-thp-pte-partial": 20 });
  });
});

describe("printing", () => {
  test("halves of a percent are rounded to the even neighbour", () => {
    const half = captureOf(
      vmaOf(16, [...folio(16, 4), ...folio(1024, 0, 0, 1).flatMap((p) => new Array(112).fill(p))]),
    );
    expect(thpmapsText(half, OPTIONS)).toBe("anon-thp-pte-aligned-64kB:            64 kB (12%)\n");
  });

  test("there is no percentage where there is nothing to refer to", () => {
    const vma = vmaOf(16, folio(16, 4));
    const capture = captureOf({ ...vma, amounts: { ...vma.amounts, Anonymous: 0 } });
    expect(thpmapsText(capture, OPTIONS)).toBe("anon-thp-pte-aligned-64kB:            64 kB\n");
  });

  test("amounts by smaps come first, without percentages", () => {
    const text = thpmapsText(captureOf(vmaOf(16, folio(16, 4))), { ...OPTIONS, incSmaps: true });
    expect(text.split("\n")[0]).toBe("Rss:                                  64 kB");
  });

  test("a VMA line shows the capture's addresses and zeros for what it does not know", () => {
    const text = thpmapsText(captureOf(vmaOf(16, folio(16, 4))), { ...OPTIONS, rollup: false });
    expect(text.split("\n")[1]).toBe("0000000000: 0000000000010000-0000000000020000 rw-p 00000000 00:00 00000000 anon");
  });
});

describe("block sizes", () => {
  test("64K is order 4 on 4K pages and order 2 on 16K pages", () => {
    expect([contOrder("64K", 4096, 9), contOrder("64K", 16384, 11)]).toEqual([4, 2]);
  });

  for (const size of ["4K", "48K", "4M", "0"])
    test(`${size} is refused, and the message says what is allowed`, () => {
      expect(() => contOrder(size, 4096, 9)).toThrow(
        `bad block size '${size}': a power of two from 8K to 2M is allowed`,
      );
    });
});
