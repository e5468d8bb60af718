import { expect, test } from "vitest";
import { MiB } from "../../../src/base/size.ts";
import { isHeader, type OpsSpec, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

/** What the last operation of a script leaves in a region's entries; the expected lists were printed by real kernels under QEMU. */
function entries(script: string, region: string, proc: number, spec: OpsSpec): unknown {
  const records = [...runScript(parseScript(script, "facts"), { memory: 960 * MiB, ...spec })];
  const last = records.at(-1)!;
  if (isHeader(last)) throw new Error("an empty script");
  return last
    .pt!.find((p) => p.p === proc)
    ?.regions.find((r) => r.r === region)
    ?.e.map((run) => run.slice(0, 5));
}

const ARM = { arch: "arm64-4k" };
const ARM_52 = { arch: "arm64-4k-52", accessDirty: "hardware" } as const;
const ARM_16K = { arch: "arm64-16k-52", accessDirty: "hardware" } as const;

test("a run that ends before the last entry of a block leaves that entry to a run of one, and storing it folds the block in the child", () => {
  const script = [
    "knob hugepages-64kB/enabled always",
    "map A 128K",
    "touch A",
    // The VMA now ends inside the first block: fork copies 15 entries, then one, then a block.
    "nohugepage A 60K 68K",
    "fork",
  ].join("\n");
  expect(entries(script, "A", 0, ARM)).toEqual([
    [0, 16, "P", "oda"],
    [16, 16, "C", "oda"],
  ]);
  expect(entries(script, "A", 1, ARM)).toEqual([[0, 32, "C", "od"]]);
});

test("a guard that mremap moved is soft-dirty, its copy in a child is not", () => {
  const script = ["map A 64K", "guard A 0 8K", "remap A 0 8K 8K B", "fork"].join("\n");
  const spec = { arch: "x86-64", softDirty: true };
  expect(entries(script, "B", 0, spec)).toEqual([[0, 2, "S", "", "fffffffffffff602"]]);
  expect(entries(script, "B", 1, spec)).toEqual([[0, 2, "S", "", "fffffffffffff600"]]);
});

test("a region that begins within a page has a page of entries only where one entry holds it whole, as the recorder clips", () => {
  const script = ["map A 16K at=0x10000000", "map B 8K at=0x10000800"].join("\n");
  expect(entries(script, "A", 0, ARM)).toEqual([[0, 4, "X2", ""]]);
  expect(entries(`${script}\ntouch A 12K 4K`, "B", 0, ARM)).toEqual([[0, 1, "N", ""]]);
});

test("raw entries that are not asked for are left out, and nothing else changes", () => {
  const script = parseScript("map A 64K\ntouch A\nfork\n@1 protect A 0 8K r", "facts");
  const whole = [...runScript(script, ARM)];
  expect(whole.slice(1).every((record) => "pt" in record)).toBe(true);
  expect([...runScript(script, { ...ARM, entries: false })]).toEqual(
    whole.map((record) => Object.fromEntries(Object.entries(record).filter(([key]) => key !== "pt"))),
  );
});

const COLD_IN_PART = (size: string, page: string) =>
  [
    `knob hugepages-${size}/enabled always`,
    `map A ${size.replace("kB", "K")}`,
    "touch A",
    `cold A ${page} ${page}`,
  ].join("\n");

test("a folio split forgets what was accessed where the note in migration entries is arm64's contiguous bit: 4K pages, 52-bit addresses", () => {
  expect(entries(COLD_IN_PART("32kB", "4K"), "A", 0, ARM_52)).toEqual([[0, 8, "P", "wd"]]);
  expect(entries(COLD_IN_PART("32kB", "4K"), "A", 0, ARM)).toEqual([
    [0, 1, "P", "wda"],
    [1, 1, "P", "wd"],
    [2, 6, "P", "wda"],
  ]);
  expect(entries(COLD_IN_PART("2048kB", "16K"), "A", 0, ARM_16K)).toEqual([
    [0, 1, "P", "wda"],
    [1, 1, "P", "wd"],
    [2, 126, "P", "wda"],
  ]);
});

test("without contpte nothing clears that bit, and the note survives", () => {
  expect(entries(COLD_IN_PART("32kB", "4K"), "A", 0, { ...ARM_52, contpte: false })).toEqual([
    [0, 1, "P", "wda"],
    [1, 1, "P", "wd"],
    [2, 6, "P", "wda"],
  ]);
});

test("6.12 makes PROT_NONE entries valid when fork folds them in the child, and programs fault on them all the same", () => {
  const script = ["knob hugepages-64kB/enabled always", "map A 128K", "touch A", "protect A 0 64K none", "fork"].join(
    "\n",
  );
  const none = [
    [0, 16, "P", "odan"],
    [16, 16, "C", "oda"],
  ];
  const spec = { ...ARM, kernel: "6.12" };
  expect(entries(script, "A", 0, spec)).toEqual(none);
  expect(entries(script, "A", 1, spec)).toEqual([[0, 32, "C", "od"]]);
  expect(entries(`${script}\n@1 touch A 0 8K r`, "A", 1, spec)).toEqual([[0, 32, "C", "od"]]);
  expect(entries(`${script}\n@1 protect A 0 64K r\n@1 touch A 0 8K r`, "A", 1, spec)).toEqual([
    [0, 16, "C", "oda"],
    [16, 16, "C", "od"],
  ]);
});
