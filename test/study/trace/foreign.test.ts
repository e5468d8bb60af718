import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { type AccessWords, newAccessWords, setAccess } from "../../../src/mmu/access-words.ts";
import { openTrace } from "../../../src/study/trace/open.ts";
import { pttBytes } from "../../../src/study/trace/ptt.ts";
import { allWords, bytesInput } from "../../../src/study/trace/source.ts";
import { bytesOf, messageOf, pipeOf, randomWords } from "./samples.ts";

const text = (lines: string) => new TextEncoder().encode(lines);

async function read(bytes: Uint8Array, kinds = 7): Promise<AccessWords> {
  return allWords((await openTrace(bytesInput(bytes, "t"), { kinds })).chunks());
}

/** Lackey's text by regular expressions and bigint, line by line. */
function lackeyTwin(lines: string, kinds: number): AccessWords {
  const found: [number, number][] = [];
  for (const line of lines.split("\n")) {
    const m = /^(?:I {2}| ([LSM]) )([\da-f]+),(\d+)$/i.exec(line);
    if (m === null) continue;
    const kind = { L: 0, S: 1, M: 1, I: 2 }[m[1] ?? "I"]!;
    if (((kinds >> kind) & 1) === 0) continue;
    const start = BigInt(`0x${m[2]}`) & (2n ** 57n - 1n);
    const end = start + BigInt(m[3]!) - 1n;
    for (let at = start >> 6n; at <= end >> 6n; at++) found.push([Number(at & (2n ** 51n - 1n)), kind]);
  }
  const words = newAccessWords(found.length);
  for (const [i, [line, kind]] of found.entries()) setAccess(words, i, line, kind as 0 | 1 | 2);
  return words;
}

/** Text as lackey prints it, with all that it may hold. */
function lackeyText(n: number, seed: number): string {
  const rng = random(seed);
  const lines = ["==42== Lackey, an example Valgrind tool", "==42== "];
  for (let i = 0; i < n; i++) {
    const head = rng.pick(["I  ", " L ", " S ", " M "]);
    const bits = BigInt(rng.pick([1, 12, 32, 33, 38, 47, 57, 64]));
    const address = ((BigInt(rng.next()) << 32n) | BigInt(rng.next())) & (2n ** bits - 1n);
    const size = rng.pick([1, 2, 4, 8, 16, 64, 65, 512]);
    lines.push(`${head}${address.toString(16).padStart(8, "0")},${size}`);
    if (rng.below(50) === 0) lines.push(`--42-- ${"a remark of any length ".repeat(rng.below(20))}`);
  }
  return `${lines.join("\n")}\n==42== Exit code:       0\n`;
}

/** A record of ChampSim's. */
function record(ip: number, written: number[], read: number[]): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(ip), true);
  for (const [i, at] of written.entries()) view.setBigUint64(16 + 8 * i, BigInt(at), true);
  for (const [i, at] of read.entries()) view.setBigUint64(32 + 8 * i, BigInt(at), true);
  return bytes;
}

function records(n: number, seed: number): { bytes: Uint8Array; words: AccessWords } {
  const rng = random(seed);
  const parts: Uint8Array[] = [];
  const found: [number, 0 | 1 | 2][] = [];
  const some = (most: number) => Array.from({ length: most }, () => (rng.below(3) === 0 ? 2 ** 40 + rng.next() : 0));
  for (let i = 0; i < n; i++) {
    const [ip, written, read] = [2 ** 22 + rng.next(), some(2), some(4)];
    parts.push(record(ip, written, read));
    found.push([ip, 2]);
    for (const at of read) if (at !== 0) found.push([at, 0]);
    for (const at of written) if (at !== 0) found.push([at, 1]);
  }
  const words = newAccessWords(found.length);
  for (const [i, [at, kind]] of found.entries()) setAccess(words, i, Math.floor(at / 64), kind);
  return { bytes: Buffer.concat(parts), words };
}

describe("lackey's text", () => {
  test("gives what regular expressions find in it, in pieces of any length", async () => {
    for (let seed = 1; seed <= 12; seed++)
      for (const kinds of [1, 3, 4, 7]) {
        const lines = lackeyText(2000, seed);
        const trace = await openTrace(pipeOf(text(lines), seed), { kinds });
        expect(await allWords(trace.chunks()), `seed ${seed}, kinds ${kinds}`).toEqual(lackeyTwin(lines, kinds));
      }
  });

  test("is cut into chunks that are full, however many accesses a line gives", async () => {
    const lines = " L 1000,512\n".repeat(40_000);
    const lengths: number[] = [];
    for await (const words of (await openTrace(bytesInput(text(lines), "t"))).chunks()) lengths.push(words.length / 2);
    expect(lengths.reduce((sum, n) => sum + n, 0)).toBe(40_000 * 8);
    expect(Math.max(...lengths)).toBeLessThan(65536 + 64);
  });

  test("an access across the end of a line is one of each line; a modify is one store", async () => {
    const words = await read(text(" L 103f,1\n L 103f,2\n M fffffff,2\n"));
    const lines = [0x40, 0x40, 0x41, 0x3fffff, 0x400000];
    const expected = newAccessWords(5);
    for (const [i, line] of lines.entries()) setAccess(expected, i, line, i < 3 ? 0 : 1);
    expect(words).toEqual(expected);
  });

  test("a line that is none is named with its number, its offset and what is allowed", async () => {
    for (const wrong of [
      " L 10,0",
      " L 10,513",
      " L 10",
      " L ,8",
      "L  10,8",
      " I 10,8",
      "hello",
      " L 10,8 ",
      " L  10,8",
      "",
    ]) {
      const message = await messageOf(() => read(text(`==1== x\n L 1000,8\n${wrong}\n S 10,8\n`)));
      expect(message, wrong).toMatch(
        /^t: line 3, offset 18: not an access of lackey's: ".*": lines like .* are allowed$/,
      );
      expect(message).toContain(JSON.stringify(wrong));
    }
    const address = "1".repeat(17);
    expect(await messageOf(() => read(text(` L 1000,8\n L ${address},8\n`)))).toMatch(/^t: line 2, offset 10:/);
    expect(await messageOf(() => read(text(` L 1000,8\n${" L 1".repeat(1e5)}`)))).toMatch(
      /^t: line 2, offset 10:.{0,200}$/,
    );
  });

  test("cut inside a line is an error with the offset, whatever the place", async () => {
    const whole = " L 1000,8\n S 1ffeffe7e,16\nI  04001090,3\n";
    for (let length = 1; length < whole.length; length++) {
      const message = await messageOf(() => read(text(whole.slice(0, length))));
      if (whole[length - 1] === "\n") expect(message).toBe("no error");
      else expect(message, `${length} bytes`).toMatch(/^t: (line \d, )?offset \d+: /);
    }
  });
});

describe("ChampSim's records", () => {
  test("give a fetch, the loads, the stores of each instruction", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { bytes, words } = records(500, seed);
      expect(await read(bytes), `seed ${seed}`).toEqual(words);
      expect(await allWords((await openTrace(pipeOf(bytes, seed), { kinds: 7 })).chunks())).toEqual(words);
    }
  });

  test("are read from gzip and from xz, of files and of pipes", async () => {
    const { bytes, words } = records(20_000, 9);
    expect(await read(gzipSync(bytes))).toEqual(words);
    const xz = xzOf(bytes);
    expect(await read(xz)).toEqual(words);
    expect(await allWords((await openTrace(pipeOf(xz, 3), { kinds: 7 })).chunks())).toEqual(words);
  });

  test("cut inside a record are an error with the offset", async () => {
    const { bytes } = records(100, 1);
    for (const length of [65, 127, 6400 - 1])
      expect(await messageOf(() => read(bytes.subarray(0, length)))).toMatch(
        new RegExp(`^t: offset ${length - (length % 64)}: cut short: \\d+ bytes of a record of 64$`),
      );
  });

  test("of something else are named at the first byte that cannot be one", async () => {
    const { bytes } = records(100, 1);
    bytes[64 * 80 + 8] = 7;
    expect(await messageOf(() => read(bytes))).toMatch(/^t: offset 5128: not a record of ChampSim's: /);
    bytes[64 * 3 + 9] = 2;
    expect(await messageOf(() => read(bytes))).toMatch(/^t: offset 200: no known trace: allowed are /);
  });
});

describe("a packed file that is cut or damaged", () => {
  test("ends with one line, at every length", async () => {
    const { bytes } = records(40, 2);
    const [gz, xz] = [gzipSync(bytes), xzOf(bytes)];
    for (const packed of [gz, xz])
      for (let length = 1; length < packed.length; length += 7)
        expect(await messageOf(() => read(packed.subarray(0, length))), `${length} bytes`).toMatch(/^t: .*offset \d+/);
  });

  test("ends with one line, whatever bit is turned, or gives the same accesses", async () => {
    const { bytes, words } = records(40, 2);
    const rng = random(6);
    for (const packed of [gzipSync(bytes), xzOf(bytes)])
      for (let i = 0; i < 60; i++) {
        const wrong = Uint8Array.from(packed);
        const at = rng.below(8 * wrong.length);
        wrong[at >> 3]! ^= 1 << (at & 7);
        const message = await messageOf(async () => expect(await read(wrong)).toEqual(words));
        expect(message, `bit ${at}`).toMatch(/^(no error$|t: .*offset \d+)/);
      }
  });
});

test("an xz file that asks for more memory than a trace needs is refused, one of xz -9 is not", async () => {
  const { bytes, words } = records(100, 1);
  const xz = (...args: string[]) => execFileSync("xz", ["-c", ...args], { input: bytes });
  expect(await read(xz("-9"))).toEqual(words);
  expect(await messageOf(() => read(xz("--lzma2=dict=1GiB")))).toBe(
    "t: offset 12: an xz dictionary of 1G: at most 256M are allowed",
  );
  expect(await messageOf(() => read(xz("--x86", "--lzma2=dict=1MiB")))).toContain("of an unknown kind after offset 0");
});

describe("opening", () => {
  test("tells the form by the bytes, and what is none by name", async () => {
    const form = async (bytes: Uint8Array) => (await openTrace(bytesInput(bytes, "t"))).info.format;
    expect(await form(text(" L 10,8\n"))).toBe("lackey");
    expect(await form(text("==1== Lackey\n"))).toBe("lackey");
    expect(await form(gzipSync(text("I  04001090,3\n")))).toBe("lackey");
    expect(await form(records(1, 1).bytes)).toBe("champsim");
    expect(await form(await bytesOf(pttBytes([randomWords(3, 1)], { text: "" })))).toBe("ptt");
    expect(await messageOf(() => form(text("")))).toMatch(/^t: offset 0: empty: allowed are/);
    expect(await messageOf(() => form(text("hello")))).toMatch(/^t: offset 0: no known trace: allowed are/);
  });

  test("keeps of a .ptt the kinds that are asked for, and of one unasked all", async () => {
    const { bytes, words } = records(2000, 3);
    const ptt = await bytesOf(pttBytes([words], { text: "", block: 100 }));
    expect(await allWords((await openTrace(bytesInput(ptt, "t"))).chunks())).toEqual(words);
    for (const kinds of [1, 2, 4, 3, 6]) {
      const [a, b] = [
        await openTrace(bytesInput(ptt, "t"), { kinds }),
        await openTrace(bytesInput(bytes, "t"), { kinds }),
      ];
      const expected = await allWords(b.chunks());
      expect(await allWords(a.chunks())).toEqual(expected);
      expect(a.info.accesses).toBe(expected.length / 2);
      expect(await allWords(a.chunks(77, 333))).toEqual(expected.subarray(154, 666));
    }
  });

  test("of a .ptt in a packed file says to unpack it", async () => {
    const packed = gzipSync(await bytesOf(pttBytes([randomWords(3, 1)], { text: "" })));
    expect(await messageOf(() => read(packed))).toBe(
      "t: a .ptt trace in a gzip file: unpack it, it is compressed by itself",
    );
  });

  test("holds at most a chunk and a piece of a stream that never ends", async () => {
    const piece = text(" L 1000,8\n".repeat(5000));
    for (const whole of [piece, text(`${"=".repeat(40_000)}\n${" L 1000,64\n".repeat(5000)}`)]) {
      let [given, taken] = [0, 0];
      async function* stream() {
        for (;;) {
          given += 5000;
          yield whole;
        }
      }
      const trace = await openTrace({ name: "t", size: null, stream });
      for await (const words of trace.chunks()) {
        taken += words.length / 2;
        expect(given - taken).toBeLessThanOrEqual(5000 + 65536);
        if (taken > 3e6) break;
      }
    }
  });

  test("skips and limits foreign traces alike, and reads no further than asked", async () => {
    const { bytes, words } = records(5000, 4);
    let pulled = 0;
    async function* stream() {
      for (let at = 0; at < bytes.length; at += 6400) {
        pulled++;
        yield bytes.subarray(at, at + 6400);
      }
    }
    const trace = await openTrace({ name: "t", size: bytes.length, stream }, { kinds: 7 });
    expect(await allWords(trace.chunks(1000, 2000))).toEqual(words.subarray(2000, 4000));
    expect(await allWords(trace.chunks(0, 10))).toEqual(words.subarray(0, 20));
    expect(pulled).toBeLessThan(110);
  });

  test("reads a pipe once", async () => {
    const trace = await openTrace(pipeOf(records(10, 1).bytes, 1));
    await allWords(trace.chunks());
    expect(await messageOf(() => allWords(trace.chunks()))).toMatch(/^pipe: a pipe can be read once/);
  });
});

/** Bytes packed by the `xz` command. */
function xzOf(bytes: Uint8Array): Uint8Array {
  return execFileSync("xz", ["-c", "-1"], { input: bytes, maxBuffer: 2 ** 28 });
}
