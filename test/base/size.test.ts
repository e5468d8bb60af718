import { expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { formatSize, GiB, hex, KiB, MiB, parseSize, TiB } from "../../src/base/size.ts";

test.each([
  ["4K", 4096],
  ["4k", 4096],
  ["2M", 2 * MiB],
  ["1g", GiB],
  ["0", 0],
  ["0x1000", 4096],
  ["0x10K", 16 * KiB],
  ["65536", 65536],
])("the size %s is %d bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "K", "4 K", "4KB", "-1", "1.5M", "4T", "0x", "0b11", "1e3", " 4K", "4K\n"])(
  "%j is refused as a size with one line",
  (text) => {
    expect(() => parseSize(text)).toThrow(UserError);
  },
);

test("a size above 2^53 bytes is refused and not rounded", () => {
  expect(parseSize("9007199254740991")).toBe(2 ** 53 - 1);
  expect(() => parseSize("9007199254740993")).toThrow(UserError);
  expect(() => parseSize("9999999999G")).toThrow(UserError);
});

test.each([0, 1, 1000, 4096, 65536, 2 * MiB, 3 * GiB, 5 * TiB, 4097])("formatSize(%d) loses no byte", (bytes) => {
  const m = /^(\d+)([KMGT]?)$/.exec(formatSize(bytes))!;
  expect(Number(m[1]) * { "": 1, K: KiB, M: MiB, G: GiB, T: TiB }[m[2] as "K"]).toBe(bytes);
});

test("the largest unit that divides is chosen", () => {
  expect([formatSize(65536), formatSize(2 * MiB), formatSize(GiB + KiB), formatSize(TiB)]).toEqual([
    "64K",
    "2M",
    "1048577K",
    "1T",
  ]);
});

test("addresses print in hexadecimal, numbers and bigints alike", () => {
  expect([hex(4096), hex(0xfffffffffffff600n)]).toEqual(["0x1000", "0xfffffffffffff600"]);
});
