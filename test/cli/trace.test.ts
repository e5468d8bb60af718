import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { random } from "../../src/base/random.ts";
import type { CommandEffects } from "../../src/cli/effects.ts";
import { type ConvertOptions, traceConvertCommand, traceInfoCommand } from "../../src/cli/trace.ts";
import { type RunOptions, traceRunCommand } from "../../src/cli/trace-run.ts";
import { openPtt } from "../../src/study/trace/ptt.ts";
import { allWords, bytesInput } from "../../src/study/trace/source.ts";

const BUILD = { version: "0.1.0", source: "0123456789abcdef" };
const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const SLICES = ["sort", "sqlite", "sqlite-fetches", "python"].map((name) =>
  fileURLToPath(new URL(`../../notebooks/data/${name}.ptt`, import.meta.url)),
);

let folder: string;
let printed: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ptlab-trace-"));
  printed = "";
});
afterEach(() => rmSync(folder, { recursive: true }));

function effects(more: Partial<CommandEffects> = {}): CommandEffects {
  return {
    out: (text) => {
      printed += text;
    },
    err: () => undefined,
    terminal: false,
    ...more,
  };
}

const at = (name: string) => join(folder, name);

/** Text of lackey's with 3 loads to every store, over 40 pages. */
function lackey(n: number): string {
  const rng = random(1);
  const line = (i: number) => ` ${i % 4 === 3 ? "S" : "L"} ${(0x4000000 + 8 * rng.below(20480)).toString(16)},8\n`;
  return `==1== Lackey\n${Array.from({ length: n }, (_, i) => `I  04001090,3\n${line(i)}`).join("")}`;
}

async function convert(from: string, to: string, options: ConvertOptions = {}): Promise<void> {
  await traceConvertCommand(from, to, options, effects());
}

async function words(file: string) {
  return allWords((await openPtt(bytesInput(readFileSync(file), file))).chunks());
}

describe("convert", () => {
  test("makes the same of text, of packed text, and of a pipe", async () => {
    const text = lackey(3000);
    writeFileSync(at("a.txt"), text);
    writeFileSync(at("a.gz"), gzipSync(text));
    await convert(at("a.txt"), at("a.ptt"));
    await convert(at("a.gz"), at("b.ptt"));
    const piped = spawnSync(process.execPath, [CLI, "trace", "convert", "-", at("c.ptt")], { input: text });
    expect(piped.stderr.toString()).toMatch(/^3000 accesses in \d+ bytes, \d\.\d{3} each, written to .*c\.ptt\n$/);
    expect(readFileSync(at("b.ptt"))).toEqual(readFileSync(at("a.ptt")));
    expect(readFileSync(at("c.ptt"))).toEqual(readFileSync(at("a.ptt")));
    expect((await words(at("a.ptt"))).length).toBe(2 * 3000);
  });

  test("keeps the kinds, the part and the words that it is told to", async () => {
    writeFileSync(at("a.txt"), lackey(3000));
    await convert(at("a.txt"), at("all.ptt"), { kinds: "all" });
    await convert(at("a.txt"), at("part.ptt"), { kinds: "all", skip: "1K", limit: "2K", text: "a part" });
    await convert(at("a.txt"), at("stores.ptt"), { kinds: "stores" });
    const all = await words(at("all.ptt"));
    expect(all.length).toBe(2 * 6000);
    expect(await words(at("part.ptt"))).toEqual(all.subarray(2000, 6000));
    expect((await words(at("stores.ptt"))).length).toBe(2 * 750);
    expect((await openPtt(bytesInput(readFileSync(at("part.ptt")), ""))).info).toMatchObject({
      text: "a part",
      kinds: 7,
    });
  });

  test("keeps the areas of what was left out, and of what that had left out in turn", async () => {
    writeFileSync(at("a.txt"), " L 1000,8\n L 40000000,8\n L 50000000,8\n L 60000000,8\n");
    await convert(at("a.txt"), at("a.ptt"), { skip: "1", limit: "2" });
    await convert(at("a.ptt"), at("b.ptt"), { skip: "1" });
    const { areas } = (await openPtt(bytesInput(readFileSync(at("b.ptt")), ""))).info;
    expect(areas!.map(({ start }) => start)).toEqual([0x1, 0x40000, 0x50000]);
  });

  test("leaves nothing behind when its input is damaged, and says where it is", async () => {
    writeFileSync(at("a.txt"), `${lackey(3000)} L 12`);
    await expect(convert(at("a.txt"), at("a.ptt"))).rejects.toThrow(
      /a\.txt: line 6002, offset \d+: the file is cut short/,
    );
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });

  test("leaves nothing behind when it is interrupted", async () => {
    writeFileSync(at("a.txt"), lackey(100_000));
    const stop = new AbortController();
    const err = () => stop.abort();
    const run = traceConvertCommand(
      at("a.txt"),
      at("a.ptt"),
      {},
      effects({ err, terminal: true, signal: stop.signal }),
    );
    await expect(run).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });

  test("replaces no file unasked", async () => {
    writeFileSync(at("a.txt"), lackey(10));
    writeFileSync(at("a.ptt"), "mine");
    await expect(convert(at("a.txt"), at("a.ptt"))).rejects.toThrow("exists: give --force to replace it");
    await convert(at("a.txt"), at("a.ptt"), { force: true });
    expect((await words(at("a.ptt"))).length).toBe(20);
  });

  test("a mistake is one line and status 2", () => {
    writeFileSync(at("a.txt"), "hello");
    for (const [args, message] of [
      [[at("a.txt"), at("a.ptt")], `ptlab: ${at("a.txt")}: offset 0: no known trace: allowed are `],
      [[at("none"), at("a.ptt")], `ptlab: cannot read ${at("none")}: no such file\n`],
      [[folder, at("a.ptt")], `ptlab: cannot read ${folder}: `],
      [[at("a.txt"), at("a.ptt"), "--from", "lacky"], "ptlab: unknown form of trace 'lacky': allowed are "],
      [[at("a.txt"), at("a.ptt"), "--kinds", "load"], "ptlab: unknown kind 'load': allowed are "],
      [[at("a.txt"), at("a.ptt"), "--limit", "3Q"], "ptlab: bad --limit '3Q': "],
    ] as const) {
      const { status, stderr } = spawnSync(process.execPath, [CLI, "trace", "convert", ...args]);
      expect(stderr.toString().startsWith(message), stderr.toString()).toBe(true);
      expect(stderr.toString().trim().split("\n").length).toBe(1);
      expect(status).toBe(2);
    }
    expect(existsSync(at("a.ptt"))).toBe(false);
  });
});

describe("info", () => {
  test("tells what a trace holds in lines of at most 72 characters", async () => {
    writeFileSync(at("a.txt"), lackey(5000));
    await traceInfoCommand(at("a.txt"), { kinds: "all" }, effects());
    expect(printed).toContain("accesses:  10000: 3750 loads, 1250 stores, 5000 fetches\n");
    expect(printed).toContain("pages:     40 of 4K, 3 of 64K, 1 of 2M touched\n");
    expect(printed).toMatch(/ {2}0x4000000 - 0x4028000 +160 KiB +40 pages code\n/);
    for (const line of printed.split("\n")) expect(line).toMatch(/^[\x20-\x7e]{0,72}$/);
  });

  test("of an empty trace says so", async () => {
    writeFileSync(at("a.txt"), "==1== nothing\n");
    await traceInfoCommand(at("a.txt"), {}, effects());
    expect(printed).toContain("accesses:  0: 0 loads, 0 stores, 0 fetches\n");
  });
});

describe("run", () => {
  async function run(file: string, options: RunOptions): Promise<string> {
    printed = "";
    await traceRunCommand(file, options, effects(), BUILD);
    return printed;
  }

  test("prints a table of at most 72 columns with a stamp, each policy a row", async () => {
    writeFileSync(at("a.txt"), lackey(20_000));
    const text = await run(at("a.txt"), { arch: ["x86-64", "arm64-4k"], tlb: "16" });
    for (const line of text.split("\n")) expect(line).toMatch(/^[\x20-\x7e]{0,72}$/);
    for (const row of ["x86-64 4K", "x86-64 64K", "x86-64 2M THP", "arm64-4k 64K no contpte", "arm64-4k 64K contpte"])
      expect(text).toMatch(new RegExp(`^${row} +\\d`, "m"));
    expect(text).toMatch(/^ptlab 0\.1\.0 \(01234567\); x86-64, arm64-4k;/m);
    const walks = (row: string) => Number(new RegExp(`^${row} +[\\d.]+ +[\\d.]+ +([\\d.]+)`, "m").exec(text)![1]);
    expect(walks("arm64-4k 64K contpte")).toBeLessThan(walks("arm64-4k 64K no contpte"));
    expect(walks("arm64-4k 64K no contpte")).toBe(walks("arm64-4k 4K"));
  });

  test("has a row for each core and mapping, on formats that the cores can walk", async () => {
    writeFileSync(at("a.txt"), lackey(20_000));
    const text = await run(at("a.txt"), { core: ["neoverse-n1", "apple-m1"], folio: ["64K"], limit: "5K" });
    for (const core of ["neoverse-n1", "apple-m1"])
      for (const mapping of ["no contpte", "contpte"])
        expect(text).toMatch(new RegExp(`^${core} +arm64-4k 64K ${mapping} +\\d`, "m"));
    const competing = { core: ["zen-4"], dataCompetes: true } as const;
    const without = { core: ["zen-4"], caches: false } as const;
    expect(await run(at("a.txt"), competing)).not.toBe(await run(at("a.txt"), without));
    await expect(run(at("a.txt"), { core: ["zen-4"], arch: ["arm64-4k"] })).rejects.toThrow(
      "zen-4 does not walk arm64-4k: it is for x86_64",
    );
    await expect(run(at("a.txt"), { core: ["zen-4"], tlb: "64" })).rejects.toThrow("for the generic core");
  });

  test("prints the same twice, and something else of another part", async () => {
    writeFileSync(at("a.txt"), lackey(20_000));
    const once = await run(at("a.txt"), { limit: "9K" });
    expect(await run(at("a.txt"), { limit: "9K" })).toBe(once);
    expect(await run(at("a.txt"), { skip: "9K", limit: "9K" })).not.toBe(once);
  });

  test("a mistake is one line that says what is allowed", async () => {
    writeFileSync(at("a.txt"), lackey(10));
    for (const [options, message] of [
      [{ arch: ["x86"] }, "x86"],
      [{ folio: ["8K"] }, "bad --folio '8K': on x86-64, 4K and the powers of two from 16K to 2M are allowed"],
      [{ folio: ["1G"] }, "bad --folio '1G'"],
      [{ tlb: "1000" }, "bad --tlb '1000': 8 or 12 times a power of two is allowed"],
    ] as const) {
      await expect(run(at("a.txt"), options)).rejects.toThrow(UserError);
      await expect(run(at("a.txt"), options)).rejects.toThrow(message);
    }
  });
});

describe("the recorded slices", () => {
  test("take at most two bytes for an access, and less than 600 KB each", () => {
    for (const file of SLICES) expect(readFileSync(file).length, file).toBeLessThan(600_000);
  });

  test("hold millions of accesses of a program in a steady state", async () => {
    for (const file of SLICES) {
      const bytes = readFileSync(file);
      const { info } = await openPtt(bytesInput(bytes, file));
      expect(info.accesses).toBeGreaterThanOrEqual(1e6);
      expect(bytes.length / info.accesses!).toBeLessThan(1);
      expect(info.text).not.toBe("");
    }
  });
});
