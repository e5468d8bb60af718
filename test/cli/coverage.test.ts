import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import type { CoverageOptions } from "../../src/cli/coverage.ts";
import { coverageCommand } from "../../src/cli/coverage.ts";

const data = new URL("../../notebooks/data/", import.meta.url);
const BUILD = { version: "0.1.0", source: "0123456789abcdef" };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ptlab-coverage-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(options: CoverageOptions): Promise<string> {
  let printed = "";
  const out = (text: string) => {
    printed += text;
  };
  await coverageCommand(options, { out, err: out, terminal: false }, BUILD);
  return printed;
}

function recorded(name: string): string {
  return fileURLToPath(new URL(`${name}.json.gz`, data));
}

/** A process of one page-aligned 64K folio and one single page, out of step with everything. */
function small(): string {
  const file = join(folder, "small.json");
  const head = { ptlab: "capture", version: 1, arch: "x86-64", kernel: "6.18", page: 4096, pmdOrder: 9, VmPTE: 12 };
  const runs = [
    [0, 16, "A", 16, 4, 0],
    [20, 1, "A", 40, 0, 0],
  ];
  const vma = { start: 16, end: 48, perms: "rw-p", kind: "heap", Rss: 68, Anonymous: 68, runs };
  writeFileSync(file, JSON.stringify({ ...head, vmas: [vma] }));
  return file;
}

describe("text", () => {
  test("begins with the statistics of thpmaps, VMA by VMA", async () => {
    const lines = (await run({ file: small(), cont: ["64K"] })).split("\n");
    expect(lines.slice(0, 5)).toEqual([
      "       PID             START              END PROT   OFFSET   DEV    INODE OBJECT",
      "0000000000: 0000000000010000-0000000000030000 rw-p 00000000 00:00 00000000 heap",
      "anon-thp-pte-aligned-64kB:            64 kB (94%)",
      "anon-cont-pte-aligned-64kB:           64 kB (94%)",
      "",
    ]);
  });

  test("says what Linux's rule allows beside what thpmaps infers", async () => {
    const text = await run({ file: recorded("node-json-mthp64k"), rollup: true });
    expect(text).toMatch(/by Linux's rule \(counted\): [\d.]+ MiB of [\d.]+ MiB mapped, 6\d\.\d %/);
    expect(text).toMatch(/by thpmaps \(inferred\): {5}[\d.]+ MiB/);
  });

  test("compares the layouts with 4K pages, and says which numbers are modelled", async () => {
    const text = await run({ file: small(), rollup: true });
    const rows = text.split("\n").filter((line) => /^(4K|16K|64K)/.test(line));
    expect(rows.slice(0, 7).map((row) => row.split(/\s+/).slice(0, 3))).toEqual([
      ["4K", "counted", "17"],
      ["4K+contpte", "counted", "2"],
      ["4K+contpte+PMD", "counted", "2"],
      ["16K", "modelled", "5"],
      ["16K+contpte", "modelled", "5"],
      ["64K", "modelled", "2"],
      ["64K+contpte", "modelled", "2"],
    ]);
    expect(rows[0]).toMatch(/ 0\.0 %/);
    expect(rows[1]).toMatch(/-88\.2 %/);
  });

  test("is ASCII, at most 72 columns wide, in every table", async () => {
    for (const name of ["node-json", "python-sqlite-thp"])
      for (const line of (await run({ file: recorded(name), rollup: true })).split("\n"))
        expect(line).toMatch(/^[\x20-\x7e]{0,72}$/);
  });
});

describe("JSON", () => {
  test("holds the statistics, the layouts, and no run of the process", async () => {
    const value = JSON.parse(
      await run({ file: recorded("python-sqlite-thp"), rollup: true, cont: ["64K"], json: true }),
    );
    expect(value.thpmaps.stats.find((s: { label: string }) => s.label === "anon-thp-pmd-aligned-2048kB").kB).toBe(
      value.contpte.pmd / 1024,
    );
    expect(value.whatIf.map((c: { layout: { name: string } }) => c.layout.name)).toContain("16K+contpte");
    expect(value.process.vmas).toBeUndefined();
  });

  test("lists the VMAs unless they are to be summed", async () => {
    expect(JSON.parse(await run({ file: small(), json: true })).vmas).toHaveLength(1);
    expect(JSON.parse(await run({ file: small(), json: true, rollup: true })).vmas).toBeUndefined();
  });
});

describe("a mistake is one line", () => {
  test("a file that is not there", async () => {
    const file = join(folder, "none.json");
    await expect(run({ file })).rejects.toThrow(new UserError(`cannot read ${file}: no such file`));
  });

  test("a block size that is none", async () => {
    await expect(run({ file: small(), cont: ["64Q"] })).rejects.toThrow(UserError);
    await expect(run({ file: small(), cont: ["4M"] })).rejects.toThrow("a power of two from 8K to 2M is allowed");
  });
});
