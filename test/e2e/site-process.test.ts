/**
 * The page of a process of the reader's own in a browser: samples and files give the numbers that the command line gives, hostile
 * files one line, and no file leaves the page.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page, Request } from "playwright-core";
import { expect, test } from "vitest";
import { processFigures } from "../../site/lone-figures.ts";
import { CAPTURE_FILES } from "../../src/figure/live/capture-input.ts";
import { liveFigure } from "../../src/figure/live/index.ts";
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { LiveParams } from "../../src/figure/live.ts";
import { dataHtml } from "../../src/notebook/render/table.ts";
import { axeFindings, describeSite, expectFits, isLive, ROOT } from "./site-browser.ts";

const data = (file: string) => readFileSync(`${ROOT}notebooks/data/${file}`);
const status = (page: Page) => page.locator("ptlab-process [role=status]");
const input = (page: Page) => page.locator("ptlab-process input");
const said = (page: Page) => expect.poll(() => status(page).textContent(), { timeout: 50_000 });
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

/** What the page shows, in its order. */
const FIGURES = processFigures.map(({ live }) => live.id);

const figure = (page: Page, id: string) => page.locator(`ptlab-figure[data-live=${id}]`);
const giveFile = (page: Page, name: string, buffer: Uint8Array | string) =>
  input(page).setInputFiles({ name, mimeType: "", buffer: Buffer.from(buffer) });

/** Whether a figure shows the numbers that the model gives on this machine. */
async function expectModel(page: Page, id: string, params: LiveParams, file: string): Promise<void> {
  const made = await liveFigure(id).make(params, { [file]: data(file) });
  const shown = await figure(page, id).locator(".ptlab-data table").innerHTML();
  expect(shown).toBe(await page.evaluate(parsed, dataHtml(made)));
}

/** All that the page and its workers ask for from now on. */
function requestsOf(page: Page): Request[] {
  const seen: Request[] = [];
  page.context().on("request", (request) => seen.push(request));
  return seen;
}

/** Within what the model takes, and long to build: single pages, each in a block of its own among eight. */
function largeCapture(): string {
  const head = { ptlab: "capture", version: 1, arch: "arm64-4k", kernel: "6.18", page: 4096, pmdOrder: 9, VmPTE: 1 };
  const pages = 2 ** 19;
  const runs = Array.from({ length: pages }, (_, i) => [8 * i, 1, "A", 2 * i, 0, 0]);
  const vma = { start: 0, end: 8 * pages, perms: "rw-p", kind: "heap", Rss: 4 * pages, Anonymous: 4 * pages, runs };
  return JSON.stringify({ ...head, vmas: [vma] });
}

describeSite("the page of your own process", (site) => {
  test.each(Object.entries(CAPTURE_FILES))("shows %s as a file with the numbers of the model", async (name, file) => {
    const { page, wrong, close } = await site.open("process/");
    await giveFile(page, file, data(file));
    await said(page).toMatch(SHOWN);
    expect(await page.locator("ptlab-figure").evaluateAll((all) => all.map((one) => one.dataset.live))).toEqual(
      FIGURES,
    );
    for (const id of FIGURES) await expectModel(page, id, { capture: name }, file);
    expect(wrong).toEqual([]);
    expect(page.url()).not.toContain("own");
    await close();
  });

  test("asks only for the site's own files once a file is given, and a request elsewhere is refused", async () => {
    const file = "python-sqlite.json.gz";
    const { page, wrong, close } = await site.open("process/");
    const seen = requestsOf(page);
    await giveFile(page, file, data(file));
    await said(page).toMatch(SHOWN);
    const given = seen.splice(0);
    expect(given.length).toBeGreaterThan(0);
    for (const request of given) {
      expect([request.method(), request.postData()]).toEqual(["GET", null]);
      expect(request.url().startsWith(site.address), request.url()).toBe(true);
      expect(existsSync(`${ROOT}dist/${request.url().slice(site.address.length)}`), request.url()).toBe(true);
    }
    await page.locator("ptlab-process select").selectOption("python, no THP");
    await said(page).toMatch(/^python, no THP: all/);
    // What a worker asks for is seen: without that the rest would say nothing.
    expect(seen.map((request) => request.url())).toContain(`${site.address}data/${file}.bin`);
    expect(wrong).toEqual([]);
    expect(await page.evaluate(refusedBy, "http://127.0.0.1:1/")).toBe("connect-src");
    await close();
  });

  test("keeps the file that was read when a later one cannot be, and the sample when there is none", async () => {
    const file = "node-json.json.gz";
    const { page, wrong, close } = await site.open("process/");
    const menu = figure(page, FIGURES[0]!).locator("select");
    await giveFile(page, "text.txt", "hello");
    await said(page).toContain("not JSON");
    expect(await menu.inputValue()).toBe("python, malloc THP");
    await giveFile(page, file, data(file));
    await said(page).toMatch(SHOWN);
    await giveFile(page, "text.txt", "hello");
    await said(page).toContain("not JSON");
    const coverage = figure(page, "process-coverage");
    await coverage.locator("input[name=empty]").check();
    await expect.poll(() => coverage.locator(".ptlab-data tbody tr").count(), { timeout: 30_000 }).toBeGreaterThan(20);
    expect(await coverage.locator("select").inputValue()).toBe(OWN_CAPTURE.choice);
    await expectModel(page, "process-coverage", { capture: "node, no THP", empty: true }, file);
    expect(wrong).toEqual([]);
    await close();
  });

  test("lets controls be moved while the figures are made: each shows what was chosen for it last", async () => {
    const file = "python-sqlite-thp.json.gz";
    const { page, wrong, close } = await site.open("process/");
    await giveFile(page, file, data(file));
    await said(page).toContain("figure 4 of 8");
    await figure(page, "process-coverage").locator("input[name=empty]").check();
    await figure(page, "process-tables").locator("select").selectOption("node, no THP");
    await said(page).toMatch(/all figures show this process(, but for figure 6, for which you chose another)?\.$/);
    await isLive(figure(page, "process-tables"));
    const name = "python, malloc THP";
    await expectModel(page, "process-coverage", { capture: name, empty: true }, file);
    for (const id of ["process-policies", "process-designs"]) await expectModel(page, id, { capture: name }, file);
    const other = "node, no THP";
    await expectModel(page, "process-tables", { capture: other }, CAPTURE_FILES[other]);
    expect(wrong).toEqual([]);
    await close();
  }, 60_000);

  test("stays at work while a large process is built, says how far it is, and stops at once", async () => {
    const { page, wrong, close } = await site.open("process/");
    await giveFile(page, "large.json", largeCapture());
    await said(page).toContain("figure 4 of 8");
    const policies = figure(page, "process-policies");
    await expect.poll(() => policies.locator(".ptlab-running").textContent(), { timeout: 60_000 }).toMatch(/\d+ %$/);
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
    expect(await policies.getAttribute("data-state")).toBe("running");
    await page.getByRole("button", { name: "Stop" }).first().press("Enter");
    await said(page).toMatch(/^Stopped\./);
    expect(await page.locator('[data-state="running"]').count()).toBe(0);
    await figure(page, "process-coverage").locator("input[name=empty]").check();
    await isLive(figure(page, "process-coverage"));
    expect(wrong).toEqual([]);
    await close();
  });

  test("refuses a file of 2 GiB without reading it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ptlab-large-"));
    const file = join(folder, "large.json");
    writeFileSync(file, "");
    truncateSync(file, 2 ** 31);
    const { page, wrong, close } = await site.open("process/");
    await input(page).setInputFiles(file);
    await said(page).toBe("large.json: too large for a capture: at most 256M are allowed");
    expect(wrong).toEqual([]);
    await close();
    rmSync(folder, { recursive: true });
  });

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
      await giveFile(page, name, bytes);
      await said(page).toContain(says);
      expect((await status(page).textContent())!.startsWith(`${name}: `)).toBe(true);
      expect(await status(page).textContent()).not.toContain("\n");
    }
    const file = "python-sqlite.json.gz";
    await giveFile(page, file, data(file));
    await said(page).toMatch(SHOWN);
    expect(wrong).toEqual([]);
    await close();
  });

  test.each(["light", "dark"] as const)(
    "has nothing for axe to find where a file is given, %s, and fits a phone",
    async (scheme) => {
      const { page, close } = await site.open("process/", { scheme, width: 360 });
      await expectFits(page);
      expect(await axeFindings(page, ["ptlab-process"])).toEqual([]);
      await close();
    },
  );
});

/** The directive by which the page's policy refuses a request. */
function refusedBy(address: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
  fetch(address).catch(() => {});
  return promise;
}

/** A table as the browser writes it. */
function parsed(html: string): string {
  const element = document.createElement("div");
  element.innerHTML = html;
  return element.querySelector("table")!.innerHTML;
}
