/**
 * The address-space map in a browser: zoomed by keys and by pointer, its cells named in words, its place in the address.
 */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { axeFindings, describeSite, expectFits, isLive } from "./site-browser.ts";

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
const trail = (page: Page) => page.locator(".ptlab-map-bar button").allTextContents();

/** Presses a key and waits until the focused cell has another name. */
async function press(page: Page, key: string, name: RegExp): Promise<void> {
  await page.keyboard.press(key);
  await expect.poll(() => focused(page), { timeout: 30_000 }).toMatch(name);
}

describeSite("the address-space map", (site) => {
  test("is a picture of all VMAs without any script, with words and a table, and no bar that does nothing", async () => {
    const { page, close } = await site.open("map/", { script: false });
    expect(await page.locator(".ptlab-wide .ptlab-cells rect").count()).toBe(430);
    expect(await page.locator(".ptlab-data tbody tr").count()).toBe(430);
    expect(await page.locator(".ptlab-map-bar").isVisible()).toBe(false);
    await close();
  });

  test("is zoomed by keys from all VMAs to single pages and back to where one came from", async () => {
    const { page, wrong, close } = await site.open("map/");
    await page.locator('.ptlab-wide .ptlab-cells rect[tabindex="0"]').focus();
    await press(page, "End", /^VMA 430 of 430, stack rw-p, 132K, 33 pages: /);
    await press(page, "Home", /^VMA 1 of 430/);
    for (let i = 2; i <= 9; i++) await press(page, "ArrowRight", new RegExp(`^VMA ${i} of 430`));
    expect(await focused(page)).toContain("heap rw-p, 5724K, 1431 pages: 928 in contpte blocks");
    await press(page, "ArrowDown", /^VMA 2\d of 430/);
    await press(page, "ArrowUp", /^VMA 9 of 430/);
    await press(page, "Enter", /^PMD range 1 of 4, 259 pages: 176 in contpte blocks, 81 single, 2 not mapped$/);
    await press(page, "ArrowRight", /^PMD range 2 of 4/);
    await press(page, "Enter", /^Page 1 of 512, slot 0: contpte block, folio 64K page 0, frame 0x/);
    expect(await trail(page)).toEqual(["all VMAs", "VMA 9", "part 2"]);
    await press(page, "ArrowDown", /^Page 33 of 512/);
    await press(page, "Enter", /^Page 33 of 512/);
    await press(page, "Escape", /^PMD range 2 of 4/);
    await press(page, "Backspace", /^VMA 9 of 430/);
    expect(await trail(page)).toEqual(["all VMAs"]);
    expect(wrong).toEqual([]);
    await close();
  });

  test("has one cell in the order of Tab, the one that was left", async () => {
    const { page, close } = await site.open("map/");
    const stops = page.locator('.ptlab-wide .ptlab-cells [tabindex="0"]');
    await stops.focus();
    await press(page, "ArrowRight", /^VMA 2 of/);
    expect(await stops.count()).toBe(1);
    expect(await stops.getAttribute("aria-label")).toMatch(/^VMA 2 of/);
    await close();
  });

  test("is zoomed by the pointer, says what is under it, and the way back leads anywhere above", async () => {
    const { page, close } = await site.open("map/");
    const cell = page.locator(".ptlab-wide .ptlab-cells rect").nth(8);
    await cell.hover();
    await expect.poll(() => page.locator(".ptlab-map-cell").textContent()).toMatch(/^VMA 9 of 430/);
    await cell.click();
    await expect.poll(() => trail(page), { timeout: 30_000 }).toEqual(["all VMAs", "VMA 9"]);
    await page.locator(".ptlab-wide .ptlab-cells rect").nth(1).click();
    await expect.poll(() => trail(page), { timeout: 30_000 }).toEqual(["all VMAs", "VMA 9", "part 2"]);
    await page.getByRole("button", { name: "all VMAs" }).click();
    await expect.poll(() => trail(page), { timeout: 30_000 }).toEqual(["all VMAs"]);
    await close();
  });

  test("keeps its place in the address, and a link leads there, in a simulated process too", async () => {
    const first = await site.open("map/");
    await first.page.locator(".ptlab-wide .ptlab-cells rect").nth(8).click();
    await expect.poll(() => first.page.url(), { timeout: 30_000 }).toMatch(/[?&.]at=9/);
    const address = first.page.url().slice(site.address.length);
    await first.close();
    const second = await site.open(address.replace("at=9", "at=9.2"));
    await isLive(second.page.locator("ptlab-figure"));
    expect(await trail(second.page)).toEqual(["all VMAs", "VMA 9", "part 2"]);
    await second.page.locator('select[name="policy"]').selectOption("THP 2M");
    await expect
      .poll(() => second.page.locator("figcaption strong").textContent(), { timeout: 30_000 })
      .toContain("THP 2M");
    expect(await trail(second.page)).toEqual(["all VMAs", "VMA 9", "part 2"]);
    const cell = second.page.locator(".ptlab-wide .ptlab-cells rect").first();
    expect(await cell.getAttribute("aria-label")).toContain("PMD leaf");
    expect(second.wrong).toEqual([]);
    await second.close();
  });

  test("shows another process as a whole", async () => {
    const { page, close } = await site.open("map/");
    await page.locator(".ptlab-wide .ptlab-cells rect").nth(8).click();
    await expect.poll(() => trail(page), { timeout: 30_000 }).toHaveLength(2);
    await page.locator('select[name="capture"]').selectOption("python, no THP");
    await expect.poll(() => trail(page), { timeout: 30_000 }).toEqual(["all VMAs"]);
    expect(await page.locator(".ptlab-wide .ptlab-cells rect").count()).toBe(53);
    await close();
  });

  test.each(["light", "dark"] as const)(
    "axe finds nothing, %s, neither at first nor at single pages",
    async (scheme) => {
      const { page, close } = await site.open("map/", { scheme });
      expect(await axeFindings(page, ["main"])).toEqual([]);
      await page.locator(".ptlab-wide .ptlab-cells rect").nth(429).click();
      await expect.poll(() => trail(page), { timeout: 30_000 }).toHaveLength(2);
      expect(await axeFindings(page, ["main"])).toEqual([]);
      await close();
    },
  );

  test("on paper the picture stands without what is pressed", async () => {
    const { page, close } = await site.open("map/");
    await page.emulateMedia({ media: "print" });
    expect(await page.locator(".ptlab-map-bar").isVisible()).toBe(false);
    expect(await page.locator(".ptlab-wide svg").first().isVisible()).toBe(true);
    await close();
  });

  test("does not scroll sideways on a phone, where the narrow picture is moved in", async () => {
    const { page, close } = await site.open("map/", { width: 360 });
    await page.locator(".ptlab-narrow .ptlab-cells rect").nth(8).click();
    await expect.poll(() => trail(page), { timeout: 30_000 }).toHaveLength(2);
    await expectFits(page);
    await expect.poll(() => focused(page)).toMatch(/^PMD range 1 of 4/);
    await close();
  });
});
