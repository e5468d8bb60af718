/**
 * Types of the names in code, as a reader meets them: by mouse, by keyboard, by touch, and not at all before.
 */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { axeFindings, describeSite, expectFits, notebooks, ROOT } from "./site-browser.ts";

const PATH = "notebooks/030-contpte-coverage/";

describeSite("types in code", ({ open }) => {
  const tip = (page: Page) => page.getByRole("tooltip");
  const name = (page: Page, text: string) => page.locator(".ptlab-name", { hasText: text }).first();

  /** Points at code with the mouse, so that the names are there. */
  async function withNames(page: Page): Promise<void> {
    await page.locator(".ptlab-cell pre").first().hover();
    await page.locator(".ptlab-name").first().waitFor();
  }

  test("nothing is fetched before a reader comes to code, and then one small file", async () => {
    const fetched: string[] = [];
    const before = async (page: Page) => void page.on("request", (request) => fetched.push(request.url()));
    const { page, wrong, close } = await open(PATH, { before });
    expect(fetched.filter((url) => url.includes("types"))).toEqual([]);
    await withNames(page);
    expect(fetched.filter((url) => url.endsWith("types.json"))).toHaveLength(1);
    expect(wrong).toEqual([]);
    await close();
  });

  test("a name that is pointed at says its type and a sentence; the tip can be pointed at too, and Escape ends it", async () => {
    const { page, close } = await open(PATH);
    await withNames(page);
    await name(page, "namedCaptures").hover();
    expect(await tip(page).locator("code").textContent()).toContain("function namedCaptures(inputs: LiveInputs)");
    expect(await tip(page).locator("p").first().textContent()).toBe(
      "The captures of a set of files, read and checked.",
    );
    const more = tip(page).getByRole("link", { name: "API reference" });
    expect(await more.getAttribute("href")).toBe("/api/figure/live/#namedCaptures");
    await tip(page).hover();
    await page.waitForTimeout(400);
    expect(await tip(page).isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await tip(page).isVisible()).toBe(false);
    await name(page, "namedCaptures").hover();
    await page.mouse.move(0, 0);
    await tip(page).waitFor({ state: "hidden" });
    await close();
  });

  test("each block of code is one stop of the Tab key, and arrow keys go from name to name", async () => {
    const { page, close } = await open(PATH);
    await page.keyboard.press("Tab");
    await page.locator(".ptlab-name").first().waitFor();
    const stops = page.locator('.ptlab-name[tabindex="0"]');
    const count = await stops.count();
    expect(count).toBe(await page.locator(".ptlab-cell pre:has(.ptlab-name)").count());
    await stops.first().focus();
    expect(await tip(page).textContent()).toContain("function readFileSync");
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    for (const [key, text] of [
      ["ArrowDown", "CAPTURE_FILES"],
      ["ArrowRight", "liveFigure"],
      ["Home", "readFileSync"],
      ["ArrowUp", "readFileSync"],
    ] as const) {
      await page.keyboard.press(key);
      expect(await focused()).toBe(text);
      expect(await tip(page).textContent()).toContain(text);
    }
    expect(await page.locator(".ptlab-name:focus").getAttribute("aria-describedby")).toBe("ptlab-type");
    expect(await stops.count()).toBe(count);
    await page.keyboard.press("Escape");
    expect(await tip(page).isVisible()).toBe(false);
    await page.keyboard.press("Enter");
    expect(await tip(page).isVisible()).toBe(true);
    await close();
  });

  test.each(["light", "dark"] as const)(
    "a tip on a phone stays inside of the window, and axe finds nothing (%s)",
    async (scheme) => {
      const { page, close } = await open(PATH, { width: 360, scheme });
      await page.locator(".ptlab-cell pre").first().click();
      await page.locator(".ptlab-name").first().waitFor();
      await name(page, "CAPTURE_FILES").click();
      const box = (await tip(page).boundingBox())!;
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(360);
      await expectFits(page);
      expect(await axeFindings(page, [".ptlab-name", "#ptlab-type"])).toEqual([]);
      await close();
    },
  );

  test.each(notebooks)("on /%s every name of the list is found in the page, at the place of a word", async (path) => {
    const { page, wrong, close } = await open(path);
    const { blocks } = JSON.parse(readFileSync(`${ROOT}dist/${path}types.json`, "utf8")) as { blocks: number[][] };
    const listed = blocks.reduce((sum, { length }) => sum + (length - 1) / 4, 0);
    await page.keyboard.press("Tab");
    await expect.poll(() => page.locator(".ptlab-name").count()).toBe(listed);
    const words = await page.locator(".ptlab-name").allTextContents();
    expect(words.filter((word) => !/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(word))).toEqual([]);
    expect(wrong).toEqual([]);
    await close();
  });
});
