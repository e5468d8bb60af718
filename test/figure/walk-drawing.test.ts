/**
 * The drawing of one walk: its text, its alternative text, and where its marks lie.
 */
import { expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { DISPLAY } from "../../src/figure/figure.ts";
import { toSvg } from "../../src/figure/render.ts";
import { walkDrawing } from "../../src/figure/walk-drawing.ts";
import { lazyHost } from "../../src/jupyter/session/host.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";

const START = 0x7f1234400;

function draw(arch: string, knob: string, vpn: number) {
  const kernel = new Kernel({ arch });
  kernel.thp.set(`hugepages-${knob}kB/enabled`, "always");
  const mm = new Mm(kernel);
  mmap(mm, { start: START, pages: 1024, flags: Vm.read | Vm.write });
  access(mm, START + 5, true);
  return walkDrawing(mm.pt, vpn);
}

/** Places and widths of the tables, or of the marks in them. */
const bars = (svg: string, which: "table" | "mark") =>
  [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="[\d.]+" class="ptlab-(\w+)"/g)]
    .filter((m) => m[3] === which)
    .map((m) => ({ x: +m[1]!, width: +m[2]! }));

test("the walk is a table of its slots, in ASCII of 72 columns", async () => {
  const host = await lazyHost().get();
  const text = String((await draw("arm64-4k", "64", START + 5)[DISPLAY](host))["text/plain"]);
  expect(text.split("\n").slice(1, 16).join("\n")).toMatchInlineSnapshot(`
    "The walk of 0x7f1234405000 on arm64-4k

    level  slot      bits   entry             says
    -----  --------  -----  ----------------  ------------------------
        3  PGD[254]  47-39  0800001000001403  table in frame 0x1000001
        2  PUD[72]   38-30  0800001000002403  table in frame 0x1000002
        1  PMD[418]  29-21  0800001000003403  table in frame 0x1000003
        0  PTE[5]    20-12  00f8000000015f43  4K of 64K, frame 0x..[1]

    level  slot      bits   bits set                  around
    -----  --------  -----  ------------------------  --------
        3  PGD[254]  47-39  PXNT AF T V               ......t.
        2  PUD[72]   38-30  PXNT AF T V               t.......
        1  PMD[418]  29-21  PXNT AF T V               ..t.....
        0  PTE[5]    20-12  dir UXN PXN C DBM n..[2]  CCCCCCCC"
  `);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(72);
});

test("the alternative text tells the walk from the root to where it ends", () => {
  expect(draw("x86-64", "16", START + 5).alt).toBe(
    "x86-64, 4 reads: PGD[254] is table in frame 0x1000001; PUD[72] is table in frame 0x1000002; PMD[418] is table in frame 0x1000003; PTE[5] is 4K leaf, frame 0x5, wda.",
  );
  expect(draw("x86-64", "16", START + 600).alt).toMatch(/3 reads: .*; PMD\[419\] is none\.$/);
  expect(draw("x86-64", "2048", START + 5).alt).toMatch(/3 reads: .*; PMD\[418\] is 2M leaf, frame 0x205, wda\.$/);
});

test("a mark lies in its table where its slot does", async () => {
  const host = await lazyHost().get();
  const svg = toSvg(draw("arm64-4k", "2048", START + 5), host);
  const [table] = bars(svg, "table");
  const slots = bars(svg, "mark").map(({ x }) => Math.round(((x - table!.x) / table!.width) * 512));
  expect(slots).toEqual([254, 72, 418]);
});

test("the mark of a contiguous block is as wide as the block", async () => {
  const host = await lazyHost().get();
  const svg = toSvg(draw("arm64-4k", "64", START + 5), host);
  expect(bars(svg, "mark").at(-1)!.width / bars(svg, "table").at(-1)!.width).toBeCloseTo(16 / 512, 2);
});

test.each([-1, 1.5, 0x10003000_0000])("%j is no page number of x86-64, and the error says which are", (vpn) => {
  expect(() => draw("x86-64", "64", vpn)).toThrow(
    `${vpn} is no page number of x86-64: 0x0 to 0x7ffffffff and 0xffff800000000 to 0xfffffffffffff are allowed`,
  );
});

test("every format's walk can be drawn, wide and for a phone", async () => {
  const host = await lazyHost().get();
  for (const { name } of formats) {
    const mm = new Mm(new Kernel({ arch: name }));
    mmap(mm, { start: 0x12345, pages: 16, flags: Vm.read | Vm.write });
    access(mm, 0x12345, true);
    const drawing = walkDrawing(mm.pt, 0x12345);
    for (const width of [680, 344]) expect(toSvg(drawing, host, { width }), name).toContain("<title");
    expect(drawing.rows.at(-1)?.meaning, name).toContain("leaf");
  }
});
