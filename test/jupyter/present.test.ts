/**
 * How a notebook shows values that cannot present themselves: tables of rows, addresses, errors, promises.
 */
import { expect, test } from "vitest";
import { DISPLAY } from "../../src/figure/figure.ts";
import { lazyHost } from "../../src/jupyter/session/host.ts";
import { bundleHtml } from "../../src/jupyter/show/bundle-html.ts";
import { present } from "../../src/jupyter/show/present.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";
import { translate } from "../../src/mmu/translate.ts";

const host = lazyHost().get;
const text = async (value: unknown) => (await present(value, host))["text/plain"];
const html = async (value: unknown) => String((await present(value, host))["text/html"]);
const lines = (...given: string[]) => given.join("\n");

test("text that was made of numbers stands to the right as numbers do", async () => {
  expect(await html([{ mib: "112.8" }, { mib: "9.0" }])).toContain('<td style="text-align:right">9.0</td>');
  expect(await html([{ mib: "112.8" }, { mib: "4K" }])).toContain('<td style="text-align:left">4K</td>');
});

test("rows are a table with the columns of all rows, numbers to the right with their points aligned", async () => {
  const rows = [
    { design: "folded", ns: 1.5 },
    { design: "ptp", ns: 12, note: "better" },
  ];
  expect(await text(rows)).toBe(
    lines("design    ns  note", "------  ----  ------", "folded   1.5", "ptp     12.0  better"),
  );
  expect(await html(rows)).toContain('<td style="text-align:right">12.0</td>\n<td style="text-align:left">better</td>');
});

test("a sum of fractions shows the digits that mean something", async () => {
  expect(await text([{ sum: 0.1 + 0.2, tiny: 1e-9 }])).toBe(lines("sum  tiny", "---  ----", "0.3  1e-9"));
});

test("bigints of a table are addresses in hexadecimal, numbers stay decimal", async () => {
  expect(await text([{ va: 0x7f0000001000n, pages: 16 }])).toBe(
    lines("            va  pages", "--------------  -----", "0x7f0000001000     16"),
  );
});

test("a map of rows is a table with its keys in the first column", async () => {
  expect(await text(new Map([["mmap", { calls: 2 }]]))).toBe(lines("key   calls", "----  -----", "mmap      2"));
});

test("a map of rows that have a column of that name keeps its keys beside it", async () => {
  expect(await text(new Map([["mmap", { key: 7 }]]))).toBe(lines("(key)  key", "-----  ---", "mmap     7"));
});

test("a nested value stays in its cell, on one line", async () => {
  expect(await text([{ range: { start: 0x1000n, end: 0x2000n }, list: [1, 2] }])).toBe(
    lines(
      "range                             list",
      "--------------------------------  --------",
      "{ start: 0x1000n, end: 0x2000n }  [ 1, 2 ]",
    ),
  );
});

test("what says that it is a picture in base64 stays inside its attribute", () => {
  expect(bundleHtml({ "image/png": '"><b>' })).toBe('<img alt="" src="data:image/png;base64,&quot;&gt;&lt;b&gt;">');
});

test("missing cells are empty, and a long text is cut in the text table alone", async () => {
  const long = "x".repeat(60);
  expect(await text([{ a: null, b: undefined, c: long }])).toContain(`${"x".repeat(45)}...`);
  expect(await html([{ a: null, b: undefined, c: long }])).toContain(long);
});

test("two hundred rows are shown, and how many there are beyond", async () => {
  const rows = (n: number) => Array.from({ length: n }, (_, i) => ({ i }));
  expect(await text(rows(200))).not.toContain("further");
  expect(
    String(await text(rows(201)))
      .split("\n")
      .at(-1),
  ).toBe("... 1 further row");
  expect(await html(rows(203))).toContain("3 further rows");
  expect((await html(rows(203))).match(/<tr>/g)).toHaveLength(1 + 200 + 1);
});

test("what is no table of plain rows is printed", async () => {
  class Walk {
    level = 1;
  }
  expect(await text([])).toBe("[]");
  expect(await text([{}])).toBe("[ {} ]");
  expect(await text([new Walk()])).toBe("[ Walk { level: 1 } ]");
  expect(await text([{ a: 1 }, 2])).toBe("[ { a: 1 }, 2 ]");
  expect(await present([1, 2], host)).not.toHaveProperty("text/html");
});

test.each([
  [0x7f0000001000n, "0x7f0000001000n (139637976731648)"],
  [12n, "0xcn (12)"],
  [9n, "9n"],
  [-4096n, "-0x1000n (-4096)"],
])("a bigint %s is shown as %s", async (value, shown) => {
  expect(await text(value)).toBe(shown);
});

test("bigints inside values are in hexadecimal as well", async () => {
  expect(await text({ va: 0x1000n, in: [0xffn, { pa: 0x20n }] })).toBe("{ va: 0x1000n, in: [ 0xffn, { pa: 0x20n } ] }");
  expect(await text(new Map([[0x1000n, new Set([0x10n])]]))).toBe("Map(1) { 0x1000n => Set(1) { 0x10n } }");
  expect(await text(new BigUint64Array([0n, 0x8000000000000063n]))).toBe(
    "BigUint64Array(2) [ 0n, 0x8000000000000063n ]",
  );
  expect(await text(new BigUint64Array(512))).toMatch(/^BigUint64Array\(512\) .*\.\.\. 412 more items \]$/);
});

test("a cycle through bigints is printed as one, also where another value is shared", async () => {
  const shared = { pa: 0x20n };
  const cycle: Record<string, unknown> = { va: 0x1000n, deep: { deeper: { shared } }, shared };
  cycle.self = cycle;
  expect(await text(cycle)).toBe(
    lines(
      "<ref *1> {",
      "  va: 0x1000n,",
      "  deep: { deeper: { shared: [Object] } },",
      "  shared: { pa: 0x20n },",
      "  self: [Circular *1]",
      "}",
    ),
  );
});

test("of a long list of bigints those are copied that are printed, and the others are counted", async () => {
  let reads = 0;
  const words = Array.from({ length: 5000 }, (_, i) => BigInt(i));
  const list = new Proxy(words, {
    get(target, key, receiver) {
      if (/^\d+$/.test(String(key))) reads++;
      return Reflect.get(target, key, receiver);
    },
  });
  expect(await text({ list })).toMatch(/0x63n,\s+\.\.\. 4900 more items/);
  expect(reads).toBeLessThan(1000);
  const sparse: unknown[] = [0x10n];
  sparse[200] = 0x20n;
  expect(await text(sparse)).toBe("[ 0x10n, <199 empty items>, 0x20n ]");
  const many = new Map(Array.from({ length: 200 }, (_, i) => [BigInt(i), i]));
  expect(await text(many)).toMatch(/^Map\(200\) \{.*0x63n => 99,\s+\.\.\. 100 more items\s+\}$/s);
});

test("an own property named __proto__ is printed beside a bigint", async () => {
  expect(await text(JSON.parse('{"__proto__": 1}', (key, value) => (key === "__proto__" ? 0x10n : value)))).toBe(
    '{ ["__proto__"]: 0x10n }'.replaceAll('"', "'"),
  );
});

test("a value with a getter is not run to be printed", async () => {
  const value = {
    n: 1n,
    get trap(): never {
      throw new Error("was run");
    },
  };
  expect(await text(value)).toBe("{ n: 1n, trap: [Getter] }");
});

test("an error as a value comes without the kernel's frames", async () => {
  const error = new RangeError("far");
  error.stack = lines(
    "RangeError: far",
    "    at In[1]:1:1",
    "    at node:inspector:1:1",
    "    at f (/p/src/jupyter/x.ts:1:1)",
  );
  expect(await text(error)).toBe(lines("RangeError: far", "    at In[1]:1:1"));
});

test("a promise is waited for: its value is shown, and its failure is thrown", async () => {
  expect(await text(Promise.resolve([{ n: 1 }]))).toBe(lines("n", "-", "1"));
  expect(await present(Promise.resolve(undefined), host)).toEqual({});
  await expect(present(Promise.reject(new RangeError("late")), host)).rejects.toThrow("late");
});

test("a value's own bundle may have several types and come later; bytes are in base64", async () => {
  const value = {
    [DISPLAY]: async () => ({ "image/png": new Uint8Array([1, 2]), "text/plain": "two", "text/html": undefined }),
  };
  expect(await present(value, host)).toEqual({ "image/png": "AQI=", "text/plain": "two" });
});

test("the outcome of a translation is shown as the walk that it took", async () => {
  const mm = new Mm(new Kernel({ arch: "x86-64" }));
  mmap(mm, { start: 0x100, pages: 4, flags: Vm.read | Vm.write });
  access(mm, 0x102, true);
  const shown = await present(translate(mm.pt, 0x102, false, "hardware"), host);
  expect(shown["text/plain"]).toContain("The walk of 0x102000 on x86-64");
  expect(shown["image/svg+xml"]).toContain("PTE[258]");
});

test("a value that has nothing to show of itself is printed, and one that needs no document gets none", async () => {
  const value = { n: 1, [DISPLAY]: () => undefined };
  const noHost = () => Promise.reject(new Error("a document was made"));
  expect((await present(value, noHost))["text/plain"]).toMatch(/^\{ n: 1, /);
});
