import { expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { Contents, type Word } from "../../src/machine/contents.ts";

const PAGE = 4096;

test.each([1, 2, 3, 4])("reads, copies and clears equal a plain array of words (seed %d)", (seed) => {
  const rng = random(seed);
  const pages = 12;
  const contents = new Contents(PAGE);
  const plain: Word[][] = Array.from({ length: pages }, () => new Array<Word>(PAGE / 8).fill(0));
  for (let i = 0; i < 500; i++) {
    const [a, b, word] = [rng.below(pages), rng.below(pages), rng.below(PAGE / 8)];
    switch (rng.below(4)) {
      case 0:
        if (plain[b]!.some((w) => w !== 0)) break;
        contents.copy(a, b);
        plain[b] = [...plain[a]!];
        break;
      case 1:
        contents.clear(a, Math.min(2, pages - a));
        for (const p of [a, a + 1]) plain[p]?.fill(0);
        break;
      default: {
        const value: Word = rng.below(3) ? rng.next() : 2n ** 63n + BigInt(rng.next());
        contents.write(a, word * 8, value);
        plain[a]![word] = value;
      }
    }
    expect(contents.isZero(a)).toBe(plain[a]!.every((w) => w === 0));
  }
  for (let p = 0; p < pages; p++)
    expect(
      plain[p]!.map((_, w) => contents.read(p, w * 8)),
      `page ${p}`,
    ).toEqual(plain[p]);
});

test("a page to which only zeros were written is a page of zeros", () => {
  const contents = new Contents(PAGE);
  contents.write(5, 16, 0);
  expect(contents.isZero(5)).toBe(true);
  contents.write(5, 16, 1);
  expect([contents.isZero(5), contents.isZero(6)]).toEqual([false, true]);
});

test.each([1, 2, 3])("words anywhere in a page equal a plain array of bytes (seed %d)", (seed) => {
  const rng = random(seed);
  const contents = new Contents(PAGE);
  const plain = new DataView(new ArrayBuffer(PAGE));
  for (let i = 0; i < 400; i++) {
    const at = rng.below(64);
    const value = (BigInt(rng.next()) << 32n) | BigInt(rng.next());
    contents.write(5, at, value);
    plain.setBigUint64(at, value, true);
    const look = rng.below(64);
    expect(BigInt(contents.read(5, look))).toBe(plain.getBigUint64(look, true));
  }
});
