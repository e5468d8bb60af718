import { describe, expect, it } from "vitest";
import { random } from "../../../src/base/random.ts";
import { ADVICE, parseScript } from "../../../src/study/ops/script.ts";

const complaint = (text: string) => parseScript(text, "x.ops").bad?.message;

describe("an op script", () => {
  it("keeps the text of a line without its comment and its line number", () => {
    const { lines, bad } = parseScript("# a comment\n\nmap A 1M  # another\n@1 touch A 4K 8K r\n", "x.ops");
    expect(bad).toBeNull();
    expect(lines.map((l) => [l.line, l.text, l.proc])).toEqual([
      [3, "map A 1M", 0],
      [4, "@1 touch A 4K 8K r", 1],
    ]);
  });

  it("means the whole region where offset and length are left out, and its rest where only the length is", () => {
    const { lines } = parseScript("map A 1M\ntouch A r\ndontneed A 64K\nunmap A 64K end\nguard A 0 4K", "x.ops");
    const parts = lines.slice(1).map((l) => ("off" in l.action ? [l.action.off, l.action.len] : null));
    expect(parts).toEqual([
      [0, null],
      [65536, null],
      [65536, null],
      [0, 4096],
    ]);
  });

  it("takes a value of 64 bits exactly", () => {
    const { lines } = parseScript("map A 4K\ntouch A val=0xffffffffffffffff\ntouch A val=7", "x.ops");
    expect(lines.slice(1).map((l) => l.action)).toMatchObject([{ value: 0xffffffffffffffffn }, { value: 7 }]);
  });

  it("takes numbers as C writes them, and keeps 64 bits of what is larger", () => {
    const { lines, bad } = parseScript(
      "map A 010K at=0x10000\nmap B 17179869184G\nmap C 99999999999999999999",
      "x.ops",
    );
    expect(bad).toBeNull();
    expect(lines.map((l) => (l.action.op === "map" ? [l.action.size, l.action.at] : null))).toEqual([
      [8192, 65536],
      [0, null],
      [2n ** 64n - 1n, null],
    ]);
    expect(complaint("map A 08K")).toMatch(/bad size '08K'/);
  });

  it("finds a region by 15 characters of its name, and by a longer name never", () => {
    const name = "abcdefghijklmnop";
    expect(complaint(`map ${name} 4K\ntouch ${name.slice(0, 15)}`)).toBeUndefined();
    expect(complaint(`map ${name} 4K\ntouch ${name}`)).toMatch(
      /no region 'abcdefghijklmnop': allowed are abcdefghijklmno/,
    );
  });

  it("stops at a bad line and names file, line, what was given and what is allowed", () => {
    expect(complaint("map A 1M\ntuch A")).toMatch(
      /^x\.ops:2: unknown op 'tuch': allowed are map .*did you mean touch\?$/,
    );
    expect(complaint("touch A")).toBe("x.ops:1: no region 'A': allowed are none, because nothing is mapped yet");
    expect(complaint("map A 1M\nmap B 1M\ntouch C")).toBe("x.ops:3: no region 'C': allowed are A, B");
    expect(complaint("map A 12X")).toBe("x.ops:1: bad size '12X': a number with an optional K, M or G is allowed");
    expect(complaint("map A 1M wide")).toBe(
      "x.ops:1: bad word 'wide' of map: at=, prot=, shared, populate and noreserve are allowed",
    );
    expect(complaint("map A 1M\nprotect A 0 4K rw+")).toMatch(/^x\.ops:2: bad protection 'rw\+': none, r, rw/);
    expect(complaint("@9 fork")).toBe("x.ops:1: bad process '@9': @0 to @7 are allowed");
    expect(complaint("map A 1M\ntouch A step=0")).toBe("x.ops:2: bad step '0': a size above 0 is allowed");
    expect(complaint("map A 1M\ntouch A val=99999999999999999999")).toMatch(/a number below 2\^64 is allowed/);
  });

  it("keeps the lines before a bad one", () => {
    expect(parseScript("map A 1M\ntouch A\nbad\ntouch A", "x.ops").lines).toHaveLength(2);
  });

  it("is read or refused with one line, whatever it holds", () => {
    const words = [
      "map",
      "touch",
      "A",
      "B",
      "4K",
      "0",
      "end",
      "-1",
      "@0",
      "@7",
      "@x",
      "r",
      "val=1",
      "\t",
      "#",
      "\0",
      ...ADVICE,
    ];
    for (let seed = 1; seed <= 300; seed++) {
      const rng = random(seed);
      const text = Array.from({ length: 12 }, () =>
        Array.from({ length: rng.below(6) }, () => rng.pick(words)).join(" "),
      ).join("\n");
      const { bad } = parseScript(text, "x.ops");
      if (bad) expect(bad.message, `seed ${seed}`).toMatch(/^x\.ops:\d+: [^\n]+$/);
    }
  });

  it("is bounded: a line or a script that is too long is refused", () => {
    expect(complaint(`map A 1M ${"x".repeat(600)}`)).toMatch(/line of \d+ characters: at most 511 are allowed/);
    expect(complaint("state\n".repeat(100_001))).toMatch(/too many lines: 100000 are allowed/);
  });
});
