import { expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import {
  AccessKind,
  accessCount,
  accessesOf,
  highAt,
  kindAt,
  lineAt,
  lowAt,
  newAccessWords,
  setAccess,
  vpnAt,
} from "../../src/mmu/access-words.ts";
import { highOf, lowOf } from "../../src/mmu/vpn.ts";

test("a word gives back the line and the kind that were put in, up to 53 bits of line", () => {
  const rng = random(7);
  const words = newAccessWords(1000);
  const lines = Array.from({ length: 1000 }, () => Math.floor((rng.next() / 2 ** 32) * 2 ** rng.below(54)));
  lines[0] = 0;
  lines[1] = 2 ** 53 - 1;
  lines.forEach((line, i) => void setAccess(words, i, line, rng.pick([0, 1, 2])));
  expect(accessCount(words)).toBe(1000);
  expect(lines.map((_, i) => lineAt(words, i))).toEqual(lines);
});

test("a word read as one number of 64 bits is four times the line, and the kind", () => {
  const words = newAccessWords(1);
  setAccess(words, 0, 2 ** 45 + 12345, AccessKind.store);
  const word = new DataView(words.buffer).getBigUint64(0, true);
  expect(word).toBe((2n ** 45n + 12345n) * 4n + 1n);
  expect(kindAt(words, 0)).toBe(AccessKind.store);
});

test("the page of an access depends on the page size, the access does not", () => {
  const words = newAccessWords(1);
  setAccess(words, 0, 0x7fff_1234_5678 / 64 - ((0x7fff_1234_5678 / 64) % 1), AccessKind.load);
  expect(vpnAt(words, 0, 12)).toBe(0x7_fff1_2345);
  expect(vpnAt(words, 0, 16)).toBe(0x7fff_1234);
});

test("the two parts of a page are those that its number is cut into, for pages of 4K to 64K", () => {
  const rng = random(8);
  const words = newAccessWords(1);
  for (let i = 0; i < 2000; i++) {
    setAccess(words, 0, Math.floor((rng.next() / 2 ** 32) * 2 ** (10 + rng.below(44))), rng.pick([0, 1, 2]));
    const pageLg2 = rng.pick([12, 14, 16]);
    const vpn = vpnAt(words, 0, pageLg2);
    expect([lowAt(words, 0, pageLg2 - 6), highAt(words, 0, pageLg2 - 6)]).toEqual([
      lowOf(vpn),
      highOf(vpn, lowOf(vpn)),
    ]);
  }
});

test("pages as accesses are one word each, to the first line", () => {
  const words = accessesOf([5, 2 ** 40], 14, AccessKind.store);
  expect([lineAt(words, 0), lineAt(words, 1)]).toEqual([5 * 256, 2 ** 48]);
  expect([kindAt(words, 0), vpnAt(words, 1, 14)]).toEqual([AccessKind.store, 2 ** 40]);
});
