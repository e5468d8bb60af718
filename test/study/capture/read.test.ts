import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { captureText } from "../../../src/study/capture/format.ts";
import { gzip, READ_LIMITS, readCapture } from "../../../src/study/capture/read.ts";
import { randomCapture } from "./random-layout.ts";

const data = new URL("../../../notebooks/data/", import.meta.url);

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

/** The one line that reading such a file ends with. */
async function complaint(content: Uint8Array, limits = READ_LIMITS): Promise<string> {
  const error = await readCapture(content, "x.json", limits).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as Error;
  expect(message).toMatch(/^x\.json: [\x20-\x7e]+$/);
  return message;
}

const HEAD = { ptlab: "capture", version: 1, arch: "x86-64", kernel: "6.18", page: 4096, pmdOrder: 9, VmPTE: 8 };

/** A file with one VMA of pages 512 to 2048, changed. */
function withVma(change: object): Uint8Array {
  return bytes({ ...HEAD, vmas: [{ start: 512, end: 2048, perms: "rw-p", kind: "anon", runs: [], ...change }] });
}

function withRuns(...runs: unknown[]): Uint8Array {
  return withVma({ runs });
}

describe("round trip", () => {
  test("what is written is read back equal, plain and compressed, on random layouts", async () => {
    const program = async (seed: number) => {
      const capture = randomCapture(seed);
      const plain = bytes(captureText(capture));
      expect(await readCapture(plain, "x.json")).toEqual(capture);
      expect(await readCapture(await gzip(plain), "x.json")).toEqual(capture);
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 32 - 1), program), { numRuns: 150 });
  });

  for (const file of readdirSync(data).filter((name) => name.endsWith(".gz")))
    test(`${file} is read, and written again gives the same bytes`, async () => {
      const content = readFileSync(new URL(file, data));
      const again = await gzip(bytes(captureText(await readCapture(content, file))));
      expect(Buffer.compare(again, content)).toBe(0);
    });

  test("runs that continue each other come out as one", async () => {
    const file = withRuns([0, 1, "A", 40, 0, 0], [1, 2, "A", 41, 0, 0], [3, 1, "S"], [4, 1, "S"]);
    const { vmas } = await readCapture(file, "x.json");
    expect(vmas[0]!.runs.map((r) => [r.page, r.n, r.cls])).toEqual([
      [0, 3, "A"],
      [3, 2, "S"],
    ]);
  });
});

describe("a file that is no capture is named in one line", () => {
  const cases: [string, Uint8Array, string][] = [
    ["empty", bytes(""), "empty"],
    ["not JSON", bytes("hello"), "not JSON"],
    ["binary", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe), "UTF-8"],
    ["a list", bytes([]), "a JSON object is allowed"],
    ["another program's JSON", bytes({ nbformat: 4 }), 'does not begin with "ptlab":"capture"'],
    ["a later version", bytes({ ...HEAD, version: 2, vmas: [] }), "version 2 of the capture format"],
    [
      "cut off",
      bytes(JSON.stringify({ ...HEAD, vmas: [] }).slice(0, 60)),
      "cut short: the JSON is not closed at offset 60",
    ],
    ["an unknown member", bytes({ ...HEAD, vmaz: [] }), 'unknown member "vmaz": is vmas meant?'],
    ["control characters in a member's name", bytes({ ...HEAD, "a\nb\u001b[31m": 1 }), "unknown member"],
    ["a member named __proto__", bytes(`{"ptlab":"capture","version":1,"__proto__":{"vmas":[]}}`), "__proto__"],
    ["an odd page size", bytes({ ...HEAD, page: 5000, vmas: [] }), "page is 5000: allowed are 4096, 16384, 65536"],
    ["no VMAs", bytes(HEAD), "'vmas' is not a list"],
    ["a kernel release with more than it should say", bytes({ ...HEAD, kernel: "6.18.1-host" }), "kernel is"],
  ];
  for (const [what, content, part] of cases)
    test(what, async () => {
      expect(await complaint(content)).toContain(part);
    });
});

describe("a VMA that cannot be is named by its index", () => {
  const cases: [string, Uint8Array, string][] = [
    ["negative start", withVma({ start: -1 }), "VMA 0: start is -1: a whole number from 0"],
    ["fraction", withVma({ start: 0.5 }), "VMA 0: start is 0.5"],
    ["end before start", withVma({ end: 512 }), "VMA 0: end is 512: a whole number from 513"],
    ["beyond all page tables", withVma({ end: 2 ** 41 }), "VMA 0: end is 2199023255552"],
    ["permissions", withVma({ perms: "rwx" }), 'VMA 0: perms is "rwx"'],
    ["kind", withVma({ kind: "magic" }), 'VMA 0: kind is "magic": allowed are anon, heap'],
    ["negative amount", withVma({ Rss: -4 }), "VMA 0: Rss is -4"],
    ["runs as text", withVma({ runs: "x" }), "VMA 0: 'runs' is not a list"],
    ["no object", bytes({ ...HEAD, vmas: [7] }), "VMA 0: is not an object"],
    [
      "unsorted",
      bytes({ ...HEAD, vmas: [9, 8].map((n) => ({ start: n, end: n + 1, perms: "r--p", kind: "file", runs: [] })) }),
      "VMA 1: starts at page 8, before the end of the one before it",
    ],
  ];
  for (const [what, content, part] of cases)
    test(what, async () => {
      expect(await complaint(content)).toContain(part);
    });
});

describe("a run that cannot be is named by its index", () => {
  const cases: [string, Uint8Array, string][] = [
    ["overlap", withRuns([0, 4, "S"], [3, 1, "G"]), "VMA 0: run 1: starts at page 3, before the end"],
    ["beyond its VMA", withRuns([1535, 2, "S"]), "VMA 0: run 0: n is 2: a whole number from 1 to 1"],
    ["a huge count", withRuns([0, 1e15, "A", 0, 0, 0]), "n is 1000000000000000"],
    ["a count that is no number", withRuns([0, "9", "S"]), 'n is "9"'],
    ["no pages", withRuns([0, 0, "S"]), "n is 0"],
    ["frame out of range", withRuns([0, 2, "A", 2 ** 40 - 1, 0, 0]), "pfn is 1099511627775"],
    ["negative frame", withRuns([0, 1, "A", -1, 0, 0]), "pfn is -1"],
    ["unknown class", withRuns([0, 1, "Q", 1, 0, 0]), 'class is "Q": allowed are A, H, F, h, Z, S, G, X'],
    ["frame where there can be none", withRuns([0, 1, "S", 1, 0, 0]), "has 6 members, wrong for class S"],
    ["memory without a frame", withRuns([0, 1, "A"]), "has 3 members, wrong for class A"],
    ["misaligned folio", withRuns([0, 1, "A", 17, 4, 0]), "frame 17 has index 1 in a folio of order 4"],
    ["too large a folio", withRuns([0, 1, "A", 0, 10, 0]), "order is 10: a whole number from 0 to 9"],
    [
      "part of a folio by PMD",
      withRuns([0, 16, "H", 512, 9, 0]),
      "class H is allowed for whole aligned folios of order 9",
    ],
    ["misaligned by PMD", withRuns([1, 512, "H", 512, 9, 0]), "class H is allowed for whole aligned folios"],
    [
      "one frame in folios of two orders",
      withRuns([0, 16, "A", 16, 4, 0], [20, 1, "A", 17, 0, 0]),
      "VMA 0: frame 17 is of order 0 and anonymous here, but of order 4 and anonymous in VMA 0",
    ],
    [
      "one frame both anonymous and file",
      withRuns([0, 1, "A", 9, 0, 0], [1, 1, "F", 9, 0, 0]),
      "frame 9 is of order 0 and file here",
    ],
  ];
  for (const [what, content, part] of cases)
    test(what, async () => {
      expect(await complaint(content)).toContain(part);
    });
});

describe("memory is bounded", () => {
  test("a gzip file that expands beyond the limit is stopped", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20, 0x20));
    expect(bomb.length).toBeLessThan(2 ** 17);
    expect(await complaint(bomb, { ...READ_LIMITS, bytes: 2 ** 20 })).toContain("at most 1M of JSON are allowed");
  });

  test("a plain file beyond the limit is refused", async () => {
    expect(await complaint(bytes(" ".repeat(2000)), { ...READ_LIMITS, bytes: 1000 })).toContain("at most 1000 of JSON");
  });

  test("deep nesting is refused at the offset where it starts", async () => {
    expect(await complaint(bytes("[".repeat(1_000_000)))).toContain("nested too deeply at offset 5");
  });

  test("brackets inside a text do not count as nesting", async () => {
    const capture = await readCapture(bytes({ ...HEAD, name: '[[[[[[[["\\', vmas: [] }), "x.json");
    expect(capture.name).toBe('[[[[[[[["\\');
  });

  test("too many values are refused before they are parsed", async () => {
    expect(await complaint(bytes(`[${"1,".repeat(5000)}1]`), { ...READ_LIMITS, values: 1000 })).toContain(
      "too many values at offset 2002: at most 1000",
    );
  });

  test("a count of pages costs no memory: a run of a trillion is fine where its VMA has them", async () => {
    const n = 2 ** 39;
    const file = withVma({ start: 0, end: n, runs: [[0, n, "G"]] });
    expect((await readCapture(file, "x.json")).vmas[0]!.runs[0]!.n).toBe(n);
  });
});

describe("gzip", () => {
  const whole = gzipSync(withRuns([0, 1, "S"]));

  test("a file cut off anywhere is an error", async () => {
    for (let n = 2; n < whole.length; n += 7)
      expect(await complaint(whole.subarray(0, n))).toMatch(/not a whole gzip file|empty/);
  });

  test("a damaged file is an error", async () => {
    const damaged = Uint8Array.from(whole);
    damaged[whole.length - 6]! ^= 0xff;
    expect(await complaint(damaged)).toContain("not a whole gzip file");
  });
});

test("any damage to a capture's text gives a capture or one line, never another failure", async () => {
  const text = captureText(randomCapture(7));
  const program = async (at: number, put: string, cut: number) => {
    const i = at % text.length;
    const content = bytes(text.slice(0, i) + put + text.slice(i + cut));
    const error = await readCapture(content, "x.json").then(
      () => undefined,
      (e: unknown) => e,
    );
    if (error === undefined) return;
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/^x\.json: [^\n]+$/);
  };
  const put = fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("-", "1e9", "null", "[", "}", '"', "0x1", ",,"));
  await fc.assert(fc.asyncProperty(fc.nat(), put, fc.nat(8), program), { numRuns: 400 });
});

describe("the older format", () => {
  const snap = {
    snap: 1,
    kernel: "6.18.44-host",
    arch: "x86_64",
    page: 4096,
    comm: "secret",
    vmpte: 12,
    vmas: [
      {
        s: "400000",
        n: 20,
        perm: "r-xp",
        kind: "file",
        runs: [
          [0, 2, "F", 1700, 0, 0],
          [3, 1, "Z"],
        ],
      },
      { s: "7f0000000000", n: 512, perm: "rw-p", kind: "anon", runs: [[0, 512, "H", 512, 9, 0]] },
    ],
  };

  test("is read; amounts by smaps are made from the classes", async () => {
    const capture = await readCapture(bytes(snap), "x.json");
    expect(capture).toMatchObject({ arch: "x86-64", kernel: "6.18", vmPte: 12, name: "" });
    expect(capture.vmas.map((v) => v.start)).toEqual([0x400, 0x7f0000000]);
    expect(capture.vmas[1]!.amounts).toMatchObject({ Rss: 2048, Anonymous: 2048, AnonHugePages: 2048 });
  });

  test("a run that crosses a 2M block gets blocks that no other run is in", async () => {
    const runs = [
      [0, 16, "A", 1008, 4, 0],
      [100, 32, "A", 1008, 4, 0],
      [200, 1, "A", 1030, 0, 0],
    ];
    const file = { ...snap, vmas: [{ ...snap.vmas[1], runs }] };
    const capture = await readCapture(bytes(file), "x.json");
    expect(capture.vmas[0]!.runs.map((r) => r.pfn)).toEqual([1008, 4 * 512 + 496, 1030]);
  });

  test("a VMA without an address is named", async () => {
    expect(await complaint(bytes({ ...snap, vmas: [{ n: 1, runs: [] }] }))).toContain("VMA 0: 's' is not an address");
  });
});
