/**
 * What a page may weigh, move and leave unsaid: its bytes before a control is touched, what shifts while it loads, and
 * what axe-core and Lighthouse find. Lighthouse is no part of the project: `PTLAB_LIGHTHOUSE` names its command line's file.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import type { Page, Response } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM } from "./chromium.ts";
import { compressingServer } from "./compressing-server.ts";
import { axeFindings, builtPages, describeSite, expectFits, expectStill, ROOT, watchShifts } from "./site-browser.ts";

/** Bytes after gzip of everything that a page loads by itself. */
const BUDGETS = { text: 60_000, figures: 120_000 };

/** Embedded figures are all made alike: the first of each notebook stands for the others. */
const pages = builtPages.filter((path) => !/^embed\/.*\/figure-(?!1\/)/.test(path));

/** Each page is opened twice, so that both widths and both schemes are looked at. */
const VIEWS = [
  { width: 1280, scheme: "light" },
  { width: 360, scheme: "dark" },
] as const;

describeSite("the budgets of the site's pages", (site) => {
  // Most of the time a page is waited for: several are open at a time.
  test.concurrent.each(pages.flatMap((path) => VIEWS.map((view) => [path, view.width, view.scheme, view] as const)))(
    "/%s opens without an error or another host, weighs less than its budget, stays still, fits its window, and axe finds nothing: %i pixels, %s",
    async (path, _width, _scheme, view) => {
      const sizes: Promise<readonly [string, number]>[] = [];
      const { page, wrong, close } = await site.open(path, {
        ...view,
        before: async (page) => {
          page.on("response", (response) => sizes.push(weigh(response)));
          await watchShifts(page);
        },
      });
      await page.waitForLoadState("networkidle");
      await expectWithinBudget(page, await Promise.all(sizes));
      await scrollThrough(page);
      await expectStill(page);
      await expectFits(page);
      expect(await page.locator("h1").count()).toBe(1);
      expect(await page.locator('meta[http-equiv="content-security-policy"]').count()).toBe(1);
      // Embedded pages leave it to the style sheet.
      expect([view.scheme, undefined]).toContain(await page.evaluate(() => document.documentElement.dataset.theme));
      expect(await axeFindings(page)).toEqual([]);
      expect(wrong).toEqual([]);
      await close();
    },
    60_000,
  );
});

async function expectWithinBudget(page: Page, files: readonly (readonly [string, number])[]): Promise<void> {
  const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
  const kind = (await page.locator(".ptlab-figure, .ptlab-picture").count()) > 0 ? "figures" : "text";
  expect(total, `${kind}: ${files.map(([url, bytes]) => `${url} ${bytes}`).join(", ")}`).toBeLessThan(BUDGETS[kind]);
}

/** A response's bytes as a host that compresses would send them. */
async function weigh(response: Response): Promise<readonly [url: string, bytes: number]> {
  const body = await response.body().catch(() => Buffer.alloc(0));
  return [new URL(response.url()).pathname, gzipSync(body, { level: 9 }).length];
}

async function scrollThrough(page: Page): Promise<void> {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  for (let y = 0; y < height; y += 600) {
    await page.evaluate((top) => scrollTo({ top, behavior: "instant" }), y);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => done(undefined))));
  }
}

const LIGHTHOUSE = process.env.PTLAB_LIGHTHOUSE;
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"] as const;

test.runIf(!LIGHTHOUSE && process.env.PTLAB_REQUIRE_ALL)("Lighthouse is there", () => {
  expect(LIGHTHOUSE).toBeDefined();
});

describe.skipIf(!LIGHTHOUSE)(`Lighthouse${LIGHTHOUSE ? "" : " (PTLAB_LIGHTHOUSE names no file)"}`, () => {
  let server: Awaited<ReturnType<typeof compressingServer>>;
  beforeAll(async () => {
    server = await compressingServer(join(ROOT, "dist"));
  });
  afterAll(() => server.close());

  test.each(["", "notebooks/010-walk-cost/", "start/"])(
    "gives /%s 100 in every category",
    async (path) => {
      // Other programs on the machine cost a page time, but none gives it any: the best of three is the page's own.
      const best = new Map<string, number>();
      for (let i = 0; i < 3 && !CATEGORIES.every((category) => best.get(category) === 100); i++) {
        const scores = await lighthouse(server.address + path);
        for (const category of CATEGORIES) best.set(category, Math.max(best.get(category) ?? 0, scores[category]));
      }
      expect(Object.fromEntries(best)).toEqual(Object.fromEntries(CATEGORIES.map((category) => [category, 100])));
    },
    240_000,
  );
});

async function lighthouse(url: string): Promise<Record<(typeof CATEGORIES)[number], number>> {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-lighthouse-"));
  const file = join(folder, "report.json");
  const flags = ["--quiet", "--output=json", `--output-path=${file}`, "--chrome-flags=--headless=new --no-sandbox"];
  try {
    await promisify(execFile)(process.execPath, [LIGHTHOUSE!, url, ...flags], {
      env: { ...process.env, CHROME_PATH: CHROMIUM },
    });
    const { categories } = JSON.parse(await readFile(file, "utf8"));
    return Object.fromEntries(CATEGORIES.map((c) => [c, Math.round(categories[c].score * 100)])) as never;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
