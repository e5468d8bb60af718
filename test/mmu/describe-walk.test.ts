import { expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";
import { describeAddress, describeWalk } from "../../src/mmu/describe-walk.ts";

const START = 0x7f1234400;

function drawn(arch: string, knob: string, vpn: number): string {
  const kernel = new Kernel({ arch, memory: 2 ** 30 });
  kernel.thp.set(`hugepages-${knob}kB/enabled`, "always");
  const mm = new Mm(kernel);
  mmap(mm, { start: START, pages: 1024, flags: Vm.read | Vm.write });
  access(mm, START + 5, true);
  return describeWalk(mm.pt, vpn);
}

test("a walk is drawn slot by slot down to a page", () => {
  expect(drawn("x86-64", "16", START + 5)).toMatchInlineSnapshot(`
    "x86-64: address 0x7f1234405000, page 0x7f1234405
      3 PGD[254]  47-39  0000000040001067  table in frame 0x40001
      2 PUD[72]   38-30  0000000040002067  table in frame 0x40002
      1 PMD[418]  29-21  0000000040003067  table in frame 0x40003
      0 PTE[5]    20-12  8000000000005067  4K leaf, frame 0x5, wda"
  `);
});

test("a leaf of a contiguous block says how large the block is", () => {
  expect(drawn("arm64-4k", "64", START + 5)).toMatchInlineSnapshot(`
    "arm64-4k: address 0x7f1234405000, page 0x7f1234405
      3 PGD[254]  47-39  0800000040001403  table in frame 0x40001
      2 PUD[72]   38-30  0800000040002403  table in frame 0x40002
      1 PMD[418]  29-21  0800000040003403  table in frame 0x40003
      0 PTE[5]    20-12  00f8000000015f43  4K of 64K, frame 0x15, wdaC"
  `);
});

test("a walk to a large leaf ends where the leaf is", () => {
  expect(drawn("arm64-4k", "2048", START + 300)).toMatchInlineSnapshot(`
    "arm64-4k: address 0x7f123452c000, page 0x7f123452c
      3 PGD[254]  47-39  0800000040001403  table in frame 0x40001
      2 PUD[72]   38-30  0800000040002403  table in frame 0x40002
      1 PMD[418]  29-21  00e8000000200f41  2M leaf, frame 0x32c, wda"
  `);
});

test("a walk to nothing ends at the empty entry", () => {
  expect(drawn("x86-64", "16", START + 600)).toMatchInlineSnapshot(`
    "x86-64: address 0x7f1234658000, page 0x7f1234658
      3 PGD[254]  47-39  0000000040001067  table in frame 0x40001
      2 PUD[72]   38-30  0000000040002067  table in frame 0x40002
      1 PMD[419]  29-21  0000000000000000  none"
  `);
});

test("drawings fit 72 columns of ASCII", () => {
  const texts = formats.flatMap((f) => [
    describeAddress(f),
    drawn(f.name, "64", START + 5),
    drawn(f.name, "2048", START),
  ]);
  for (const line of texts.join("\n").split("\n")) expect(line).toMatch(/^[ -~]{1,72}$/);
});

test("an address is drawn as its fields", () => {
  expect(describeAddress(formats[0]!)).toBe("48 bits: 47-39 PGD | 38-30 PUD | 29-21 PMD | 20-12 PTE | 11-0 offset");
});
