/**
 * The page of a process of the reader's own in a browser: samples and files give the numbers that the command line gives, hostile
 * files one line, and no file leaves the page.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import AxeBuilder from "axe-core";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { CAPTURE_FILES } from "../../src/figure/live/capture-input.ts";
import { liveFigure } from "../../src/figure/live/index.ts";
import { dataHtml } from "../../src/notebook/render/table.ts";
import { describeSite, ROOT } from "./site-browser.ts";

const data = (file: string) => readFileSync(`${ROOT}notebooks/data/${file}`);
const status = (page: Page) => page.locator("ptlab-process [role=status]");
const input = (page: Page) => page.locator("ptlab-process input");
const said = (page: Page) => expect.poll(() => status(page).textContent(), { timeout: 60_000 });
const SHOWN = /all figures show this process\.$/;

/** Files that are no captures, and a part of the line that answers each. */
const HOSTILE: readonly (readonly [name: string, bytes: Uint8Array | string, says: string])[] = [
  ["empty.json", "", "empty: a capture in JSON is allowed"],
  ["text.txt", "hello, world", "not JSON"],
  ["picture.png", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe]), "text in UTF-8 is allowed"],
  ["cut.json.gz", data("node-json.json.gz").subarray(0, 20_000), "damaged or cut short"],
  ["cut.json", '{"ptlab":"capture","vmas":[', "cut short"],
  ["bomb.json.gz", gzipSync(Buffer.alloc(2 ** 28 + 2 ** 20, " ")), "too large for a capture: at most 256M"],
  ["deep.json", "[".repeat(100_000), "nested too deeply at offset 5"],
  ["story.ipynb", readFileSync(`${ROOT}notebooks/010-walk-cost.ipynb`), "nested too deeply"],
  ["other.json", '{"a":1}', 'it does not begin with "ptlab":"capture"'],
  ["numbers.json", '{"ptlab":"capture","version":1,"page":4096,"pmdOrder":1e999}', "pmdOrder is null"],
];

describeSite("the page of your own process", 4560, (site) => {
  test.each(Object.entries(CAPTURE_FILES))(
    "shows %s as a file with the numbers of the model, and sends nothing",
    async (name, file) => {
      const { page, wrong, close } = await site.open("process/");
      await input(page).setInputFiles({ name: file, mimeType: "application/gzip", buffer: data(file) });
      const sent: string[] = [];
      page.on("request", (request) => {
        if (request.method() !== "GET" || request.postData() !== null || /\/data\//.test(request.url()))
          sent.push(request.url());
      });
      await said(page).toMatch(SHOWN);
      for (const id of [
        "process-content",
        "process-coverage",
        "process-layouts",
        "process-tables",
        "process-designs",
      ]) {
        const made = await liveFigure(id).make({ capture: name }, { [file]: data(file) });
        const shown = await page.locator(`ptlab-figure[data-live=${id}] .ptlab-data table`).innerHTML();
        expect(shown).toBe(await page.evaluate(parsed, dataHtml(made)));
      }
      expect(sent).toEqual([]);
      expect(wrong).toEqual([]);
      expect(page.url()).not.toContain("own");
      await close();
    },
  );

  test("takes a sample by keyboard alone, and a file dropped on it", async () => {
    const { page, wrong, close } = await site.open("process/");
    await input(page).focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowUp");
    await said(page).toMatch(SHOWN);
    const stamp = () => page.locator("ptlab-figure[data-live=process-content] .ptlab-stamp").textContent();
    const before = await stamp();
    const bytes = [...data("node-json.json.gz")];
    await page.locator("ptlab-process").evaluate((element, list) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(list)], "mine.json.gz"));
      element.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }, bytes);
    await said(page).toMatch(/^mine\.json\.gz: all figures/);
    expect(await stamp()).not.toBe(before);
    expect(wrong).toEqual([]);
    await close();
  });

  test("answers files that are no captures with one line, and then takes one that is", async () => {
    const { page, wrong, close } = await site.open("process/");
    for (const [name, bytes, says] of HOSTILE) {
      await input(page).setInputFiles({ name, mimeType: "", buffer: Buffer.from(bytes) });
      await said(page).toContain(says);
      expect((await status(page).textContent())!.startsWith(`${name}: `)).toBe(true);
      expect(await status(page).textContent()).not.toContain("\n");
    }
    const file = "python-sqlite.json.gz";
    await input(page).setInputFiles({ name: file, mimeType: "", buffer: data(file) });
    await said(page).toMatch(SHOWN);
    expect(wrong).toEqual([]);
    await close();
  });

  test.each(["light", "dark"] as const)(
    "has nothing for axe to find where a file is given, %s, and fits a phone",
    async (scheme) => {
      const { page, close } = await site.open("process/", { scheme, width: 360 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await page.evaluate(AxeBuilder.source);
      const found = await page.evaluate(async () => {
        const { violations } = await (globalThis as unknown as { axe: typeof AxeBuilder }).axe.run("ptlab-process");
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 80)).join(" | ")}`);
      });
      expect(found).toEqual([]);
      await close();
    },
  );
});

/** A table as the browser writes it. */
function parsed(html: string): string {
  const element = document.createElement("div");
  element.innerHTML = html;
  return element.querySelector("table")!.innerHTML;
}
