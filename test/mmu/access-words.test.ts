import { expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import {
  AccessKind,
  accessCount,
  kindAt,
  lineAt,
  newAccessWords,
  setAccess,
  vpnAt,
} from "../../src/mmu/access-words.ts";

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
