/** The search of the site: its interface comes when it is opened, and then it takes the keys that are typed. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { describeSite } from "./site-browser.ts";

const field = (page: Page) => page.locator("dialog[open] input");
const isOfSearch = (url: string) => /ui-core|pagefind/.test(url);

describeSite("the search of the site", (site) => {
  test("nothing of it is loaded before it is opened, and a click on its button gives the field the focus", async () => {
    const requests: string[] = [];
    const { page, wrong, close } = await site.openAtRest("start/", {
      before: async (page) => void page.on("request", (request) => requests.push(request.url())),
    });
    expect(requests.filter(isOfSearch)).toEqual([]);
    await page.getByRole("button", { name: "Search" }).click();
    await field(page).waitFor();
    expect(requests.filter(isOfSearch)).not.toEqual([]);
    await expect.poll(() => field(page).evaluate((input) => input === document.activeElement)).toBe(true);
    expect(wrong).toEqual([]);
    await close();
  });

  test("Ctrl+K opens it, words find pages, Escape gives the focus back, and the next time the field has it at once", async () => {
    const { page, wrong, close } = await site.openAtRest("");
    await page.keyboard.press("Control+k");
    await field(page).waitFor();
    await expect.poll(() => field(page).evaluate((input) => input === document.activeElement)).toBe(true);
    await page.keyboard.type("contpte");
    await page.locator("dialog[open] .pagefind-ui__result-link").first().waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("dialog[open]").count()).toBe(0);
    await page.keyboard.press("Control+k");
    expect(await field(page).evaluate((input) => input === document.activeElement)).toBe(true);
    expect(wrong).toEqual([]);
    await close();
  });

  test("closed while its interface is on its way, it leaves the focus to the page", async () => {
    const { page, close } = await site.openAtRest("");
    await page.keyboard.press("Control+k");
    await page.keyboard.press("Control+k");
    await expect.poll(() => page.locator("dialog[open]").count()).toBe(0);
    await page.locator("dialog:not([open]) input").waitFor({ state: "attached" });
    // A browser takes the focus from what is not shown any more when it draws next.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    expect(await page.evaluate(() => document.activeElement?.localName)).toBe("body");
    await close();
  });
});
