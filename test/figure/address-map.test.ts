import { readFileSync } from "node:fs";
import { Window } from "happy-dom";
import { expect, test } from "vitest";
import type { Figure } from "../../src/figure/figure.ts";
import { addressMapLive } from "../../src/figure/live/address-map.ts";
import { toSvg } from "../../src/figure/render.ts";
import { processMap, testHost } from "./samples.ts";

/** The names that the cells of a picture have. */
function names(figure: Figure): (string | null)[] {
  const document = new Window().document as unknown as Document;
  document.body.innerHTML = toSvg(figure, testHost());
  return [...document.querySelectorAll(".ptlab-cells rect title")].map((title) => title.textContent);
}

test("every VMA has a name that says what is in it", () => {
  expect(names(processMap())).toEqual([
    "VMA 1 of 4, file r-xp, 24K, 6 pages: 4 of large folios, 1 single, 1 not mapped",
    "VMA 2 of 4, file rw-p, 24K, 6 pages: 3 of zeros, 2 not mapped, 1 swapped out",
    "VMA 3 of 4, heap rw-p, 10.5M, 2700 pages: 1562 not mapped, 1024 in PMD leaves, 48 single, 32 in contpte blocks, 32 of other memory, 2 guarded",
    "VMA 4 of 4, anon ---p, 4K, 1 page: 1 PROT_NONE",
  ]);
});

test("ranges and pages have names that say where they are, and the legend counts what is shown", () => {
  expect(names(processMap("3"))[3]).toBe(
    "PMD range 4 of 7, 512 pages: 478 not mapped, 32 in contpte blocks, 2 guarded",
  );
  const pages = names(processMap("3.4"));
  expect(pages.length).toBe(512);
  expect(pages[0]).toBe("Page 1 of 512, slot 0: contpte block, folio 64K page 0, frame 0x100c00");
  expect(pages[17]).toBe("Page 18 of 512, slot 17: contpte block, folio 64K page 1, frame 0x100c11");
  expect(pages[38]).toBe("Page 39 of 512, slot 38: guard");
  expect(pages[511]).toBe("Page 512 of 512, slot 511: not mapped");
  expect(toSvg(processMap("3.4"), testHost())).toContain("contpte block: 32 (128K)");
});

test("a strip is large letters where all pages are of a kind, small ones where most of those mapped are", () => {
  const strips = processMap("all").rows.map((row) => row.strip);
  expect(strips).toEqual(["LLLL.B", "ZZZW..", "pPPPPPp........o", "N"]);
});

const FILE = "python-sqlite-thp.json.gz";
const inputs = { [FILE]: new Uint8Array(readFileSync(`notebooks/data/${FILE}`)) };
const PYTHON = { capture: "python, malloc THP" };

test("a number names the same VMA as recorded and under every policy, and only what is written differs", async () => {
  const recorded = await addressMapLive.make(PYTHON, inputs);
  const replayed = await addressMapLive.make({ ...PYTHON, policy: "mTHP 64K" }, inputs);
  const bounds = (figure: Figure) => figure.rows.map(({ at, what, gap, pages }) => [at, what, gap, pages]);
  expect(bounds(replayed)).toEqual(bounds(recorded));
  const heap = replayed.rows.find((row) => String(row.what).startsWith("heap") && Number(row.pages) > 1000)!;
  expect(heap.contpte_block).toBe(heap.pages);
});

test("under a policy, the pages of a table are told with the words of their entries", async () => {
  const made = await addressMapLive.make({ ...PYTHON, policy: "mTHP 64K", at: "9.2" }, inputs);
  expect(made.rows.length).toBe(512);
  expect(made.rows[0]).toMatchObject({ at: "9.2.1", slot: 0, holds: "contpte block", folio: "64K: 0" });
  expect(made.rows[0]!.word).toMatch(/^0x[0-9a-f]{16}$/);
  expect(made.rows[0]!.says).toContain("4K of 64K");
  const x86 = await addressMapLive.make({ ...PYTHON, policy: "mTHP 64K", arch: "x86-64", at: "9.2" }, inputs);
  expect(x86.rows[0]!.holds).toBe("large folio");
});

test("a path that leads nowhere is one line", async () => {
  await expect(addressMapLive.make({ ...PYTHON, at: "99" }, inputs)).rejects.toThrow("1 to 55 are allowed");
});
