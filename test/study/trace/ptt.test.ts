import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { random } from "../../../src/base/random.ts";
import { type AccessWords, kindAt, lineAt, newAccessWords, setAccess } from "../../../src/mmu/access-words.ts";
import { crc32 } from "../../../src/study/trace/crc32.ts";
import { openPtt, pttBytes } from "../../../src/study/trace/ptt.ts";
import { decodeBlock, encodeBlock, FAR, RECENT } from "../../../src/study/trace/ptt-block.ts";
import { headBytes, indexBytes, joined } from "../../../src/study/trace/ptt-layout.ts";
import { allWords, bytesInput, type TraceInput } from "../../../src/study/trace/source.ts";
import { bytesOf, messageOf, randomWords } from "./samples.ts";

const NAME = "t.ptt";

function fileOf(words: AccessWords, block?: number, text = "a test"): Promise<Uint8Array> {
  return bytesOf(pttBytes([words], { text, block }));
}

async function read(bytes: Uint8Array, from?: number, to?: number): Promise<AccessWords> {
  return allWords((await openPtt(bytesInput(bytes, NAME))).chunks(from, to));
}

/** The coding told again as plainly as it can be: lists of whole lines, bigint distances. */
function decodeNaively(bytes: Uint8Array, n: number): { line: bigint; kind: number }[] {
  let list: bigint[] = Array(RECENT).fill(0n);
  let at = n;
  return Array.from(bytes.subarray(0, n), (code) => {
    let line: bigint;
    if (code >> 2 === FAR) {
      const base = list[bytes[at++]!]!;
      const coded: number[] = [];
      do coded.push(bytes[at]!);
      while (bytes[at++]! & 128);
      const [first, ...rest] = coded.map((byte) => BigInt(byte & 127));
      const distance = rest.reduce((sum, seven, i) => sum + (seven << BigInt(6 + 7 * i)), first! >> 1n);
      line = first! & 1n ? base - distance : base + distance;
      list = [line, ...list.slice(0, -1)];
    } else {
      line = list[code >> 2]!;
      list = [line, ...list.filter((_, place) => place !== code >> 2)];
    }
    return { line, kind: code & 3 };
  });
}

describe("a block", () => {
  test("is decoded as a plain list of lines by last use says", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const words = randomWords(3000, seed);
      const coded = encodeBlock(words);
      const naive = decodeNaively(coded, 3000);
      const fast = newAccessWords(3000);
      expect(decodeBlock(coded, fast), `seed ${seed}`).toBe(true);
      naive.forEach(({ line, kind }, i) => {
        if (Number(line) !== lineAt(fast, i) || kind !== kindAt(fast, i)) throw new Error(`seed ${seed}, access ${i}`);
      });
      expect(fast, `seed ${seed}`).toEqual(words);
    }
  });

  test("that is too short, too long, or speaks of what is not there is refused", () => {
    const coded = encodeBlock(randomWords(500, 7));
    const words = newAccessWords(500);
    expect(decodeBlock(coded, words)).toBe(true);
    for (let length = 0; length < coded.length; length++)
      expect(decodeBlock(coded.subarray(0, length), words), `${length} bytes`).toBe(false);
    expect(decodeBlock(joined([coded, Uint8Array.of(0)]), words)).toBe(false);
    expect(decodeBlock(Uint8Array.of(3), newAccessWords(1)), "kind 3").toBe(false);
    expect(decodeBlock(Uint8Array.of(FAR << 2, RECENT, 2), newAccessWords(1)), "a nearest place beyond the list").toBe(
      false,
    );
    expect(decodeBlock(Uint8Array.of(FAR << 2, 0, 3), newAccessWords(1)), "line -1").toBe(false);
    const far = [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    expect(decodeBlock(Uint8Array.of(FAR << 2, 0, ...far), newAccessWords(1)), "a line beyond 2^53").toBe(false);
  });
});

describe("a file", () => {
  test("gives back what was written, whatever the lengths of chunks and blocks", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const rng = random(seed);
      const n = rng.pick([0, 1, 2, 99, 100, 101, 1000, 4321]);
      const words = randomWords(n, seed);
      const chunks: AccessWords[] = [];
      for (let at = 0; at < n; ) {
        const length = 1 + rng.below(300);
        chunks.push(words.subarray(2 * at, 2 * (at + length)));
        at += length;
      }
      const bytes = await bytesOf(
        pttBytes(chunks, { text: "x", block: n < 100 ? 1 : rng.pick([99, 100, 1000, 65536]) }),
      );
      expect(await read(bytes), `seed ${seed}`).toEqual(words);
    }
  });

  test("holds the first and the last line that a word can name", async () => {
    const words = newAccessWords(4);
    for (const [i, line] of [0, 2 ** 53 - 1, 0, 2 ** 30].entries()) setAccess(words, i, line, 1);
    expect(await read(await fileOf(words))).toEqual(words);
  });

  test("is entered at any access: a part is what is left after skipping", async () => {
    const words = randomWords(1000, 3);
    const bytes = await fileOf(words, 64);
    const rng = random(5);
    for (const [from, to] of [
      [0, 1000],
      [63, 65],
      [64, 128],
      [999, 1000],
      [1000, 1001],
      [7, 7],
      [500, 9999],
      ...Array.from({ length: 50 }, () => [rng.below(1100), rng.below(1100)] as const),
    ] as const)
      expect(await read(bytes, from, to), `[${from}, ${to})`).toEqual(words.subarray(2 * from, 2 * Math.max(from, to)));
  });

  test("says how many accesses of each kind it holds, and between which lines, without being read", async () => {
    const words = newAccessWords(6);
    for (const [i, kind] of ([0, 0, 0, 1, 2, 2] as const).entries()) setAccess(words, i, 100 + i, kind);
    const input = bytesInput(await fileOf(words, 2, "über"), NAME);
    const { info } = await openPtt(input);
    expect(info).toMatchObject({ format: "ptt", text: "über", accesses: 6, counts: [3, 1, 2], lines: [100, 105] });
    expect((await openPtt(bytesInput(await fileOf(newAccessWords(0)), NAME))).info).toMatchObject({
      accesses: 0,
      lines: null,
    });
  });

  test("keeps as much of a long text as has room, in whole letters", async () => {
    const { info } = await openPtt(bytesInput(await fileOf(newAccessWords(0), 1, "\ufeffü".repeat(5000)), NAME));
    expect("\ufeffü".repeat(5000).startsWith(info.text)).toBe(true);
    expect(new TextEncoder().encode(info.text).length).toBeGreaterThan(4090);
  });

  test("is read in bounded memory: at no moment does the reader hold more than one block", async () => {
    const block = 1000;
    const bytes = await fileOf(randomWords(100_000, 1), block);
    let longest = 0;
    const inner = bytesInput(bytes, NAME);
    const input: TraceInput = {
      ...inner,
      read: async (offset, length) => {
        longest = Math.max(longest, length);
        return inner.read!(offset, length);
      },
    };
    const trace = await openPtt(input);
    longest = 0;
    let most = 0;
    for await (const words of trace.chunks()) most = Math.max(most, words.length / 2);
    expect(most).toBe(block);
    expect(longest).toBeLessThan(11 * block);
  });

  test("is written in bounded memory: a chunk is taken when the block before it is out", async () => {
    let given = 0;
    function* endless() {
      for (;;) {
        given++;
        yield newAccessWords(1000);
      }
    }
    let parts = 0;
    for await (const _ of pttBytes(endless(), { text: "", block: 1000 })) {
      parts++;
      expect(given).toBeLessThanOrEqual(parts);
      if (parts === 200) break;
    }
  });
});

describe("a damaged file is one line with an offset", () => {
  test("cut anywhere", async () => {
    const bytes = await fileOf(randomWords(300, 11), 100);
    for (let length = 0; length < bytes.length; length++) {
      const message = await messageOf(() => read(bytes.subarray(0, length)));
      expect(message, `${length} bytes`).toMatch(/^t\.ptt: offset \d+: .+$/);
    }
  });

  test("any bit turned", async () => {
    const words = randomWords(200, 12);
    const bytes = await fileOf(words, 100);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const wrong = bytes.slice();
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      expect(await messageOf(() => read(wrong)), `bit ${bit}`).toMatch(/^t\.ptt: offset \d+: .+$/);
    }
  });

  test("bytes of any other kind", async () => {
    const rng = random(4);
    for (let i = 0; i < 50; i++) {
      const bytes = Uint8Array.from({ length: rng.below(300) }, () => rng.below(256));
      expect(await messageOf(() => read(bytes))).toMatch(/^t\.ptt: offset \d+: .+$/);
    }
  });

  test("a pipe, which cannot be read from its end", async () => {
    const bytes = await fileOf(randomWords(10, 1));
    const { stream } = bytesInput(bytes, NAME);
    await expect(openPtt({ name: "p", size: null, stream })).rejects.toThrow(UserError);
  });

  test("one made to mislead, with every checksum right", async () => {
    const head = headBytes({ version: 1, lineLg2: 6, kinds: 3, block: 2 ** 20, text: "" });
    const sly = (offsets: number[], counts: number[], rest: Uint8Array = new Uint8Array(0)) => {
      const body = joined([head, rest]);
      return joined([body, indexBytes({ offsets, areas: [], counts, lowest: 0, highest: 9 }, body.length)]);
    };
    const files = [
      sly([], [5, 0, 0]),
      sly([head.length], [5, 0, 0]),
      sly([head.length], [2 ** 53, 0, 0], new Uint8Array(40)),
      sly([0], [5, 0, 0], new Uint8Array(40)),
      sly([head.length], [5, 0, 0], new Uint8Array(40)),
      sly([head.length, head.length + 4], [2 ** 20 + 1, 0, 0], new Uint8Array(40)),
      joined([headBytes({ version: 1, lineLg2: 6, kinds: 3, block: 2 ** 31, text: "" }), new Uint8Array(100)]),
      joined([headBytes({ version: 1, lineLg2: 6, kinds: 3, block: 0, text: "" }), new Uint8Array(100)]),
      joined([headBytes({ version: 2, lineLg2: 6, kinds: 3, block: 1, text: "" }), new Uint8Array(100)]),
    ];
    for (const [i, file] of files.entries())
      expect(await messageOf(() => read(file)), `file ${i}`).toMatch(/^t\.ptt: offset \d+: .+$/);
  });
});

test("the checksum is that of gzip", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  expect(crc32(new TextEncoder().encode("6789"), crc32(new TextEncoder().encode("12345")))).toBe(0xcbf43926);
});
