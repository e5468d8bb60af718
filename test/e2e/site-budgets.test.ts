/**
 * What a page may weigh, move and leave unsaid: its bytes before a control is touched, what shifts while it loads, and
 * what axe-core finds.
 */
import { gzipSync } from "node:zlib";
import type { Page, Response } from "playwright-core";
import { expect, test } from "vitest";
import { axeFindings, builtPages, describeSite, expectFits, expectStill, watchShifts } from "./site-browser.ts";

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
  test.each(pages.flatMap((path) => VIEWS.map((view) => [path, view.width, view.scheme, view] as const)))(
    "/%s opens without an error or another host, weighs less than its budget, stays still, fits its window, and axe finds nothing: %i pixels, %s",
    async (path, _width, _scheme, view) => {
      const sizes: Promise<readonly [string, number]>[] = [];
      const { page, wrong, close } = await site.openAtRest(path, {
        ...view,
        before: async (page) => {
          sizes.length = 0;
          page.on("response", (response) => sizes.push(weigh(response)));
          await watchShifts(page);
        },
      });
      await expectWithinBudget(page, await Promise.all(sizes));
      await scrollThrough(page);
      await expectStill(page);
      await expectFits(page);
      expect(await page.locator("h1").count()).toBe(1);
      expect(await page.locator('meta[http-equiv="content-security-policy"]').count()).toBe(1);
      // Embedded pages leave it to the style sheet.
      const theme = path.startsWith("embed/") ? undefined : view.scheme;
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(theme);
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

/** Brings every part of a page into the window once. */
async function scrollThrough(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight) {
      scrollTo({ top, behavior: "instant" });
      await frame();
    }
    // The last frame's shifts are told after it.
    await frame();
  });
}
