/**
 * What a reader does with the words, sources, figures and notes in a page's text, and the page on paper.
 */
import { gzipSync } from "node:zlib";
import type { Locator } from "playwright-core";
import { describe, expect, test } from "vitest";
import { axeFindings, describeSite, type Opening } from "./site-browser.ts";

/** Pages with all that prose can have, in both forms that pages are written in. */
const PAGES = [
  "notebooks/010-walk-cost/",
  "notebooks/005-how-do-we-know/",
  "hardware/",
  "map/",
  "references/",
  "writing/",
];

describeSite("prose in a browser", (site) => {
  const opened = async (path: string, opening?: Opening) => {
    const all = await site.open(path, opening);
    const marks = (kind: string): Locator => all.page.locator(`a.ptlab-${kind}`);
    return { ...all, marks, tip: all.page.locator("#ptlab-explains") };
  };

  test("a word shows its definition while the pointer is at it or in the window, and Escape takes it away", async () => {
    const { page, marks, tip, wrong, close } = await opened(PAGES[0]!);
    const word = marks("term")
      .filter({ hasText: /^folio$/ })
      .first();
    await word.hover();
    await expect.poll(() => tip.isVisible()).toBe(true);
    expect(await tip.textContent()).toContain("A run of frames, a power of two in number, allocated as one.");
    expect(await word.getAttribute("aria-describedby")).toBe("ptlab-explains");
    await tip.hover();
    await page.waitForTimeout(400);
    expect(await tip.isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await tip.isVisible()).toBe(false);
    expect(await word.getAttribute("aria-describedby")).toBeNull();
    expect(wrong).toEqual([]);
    await close();
  });

  test("a word that the keyboard comes to shows its definition, is one stop, and leads to the glossary", async () => {
    const { page, marks, tip, close } = await opened(PAGES[0]!);
    const word = marks("term").first();
    const isFocused = () => word.evaluate((element) => element === document.activeElement);
    await word.focus();
    await page.keyboard.press("Tab");
    expect(await isFocused()).toBe(false);
    await page.keyboard.press("Shift+Tab");
    expect(await isFocused()).toBe(true);
    expect(await word.getAttribute("aria-describedby")).toBe("ptlab-explains");
    expect(await tip.isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await tip.isVisible()).toBe(false);
    const href = (await word.getAttribute("href"))!;
    const glossary = await (await fetch(new URL(href, site.address))).text();
    expect(glossary).toContain(`id="${href.split("#")[1]}"`);
    await close();
  });

  test("a word is marked once in a section, and never in code, links or headings", async () => {
    const { page, close } = await opened(PAGES[0]!);
    const twice = await page.evaluate(() => {
      const found: string[] = [];
      let seen = new Set<string>();
      for (const node of document.querySelectorAll("main h2, main a.ptlab-term")) {
        if (node.tagName === "H2") seen = new Set();
        const id = (node as HTMLAnchorElement).dataset.tip ?? "";
        if (id !== "" && seen.has(id)) found.push(id);
        seen.add(id);
      }
      return found;
    });
    expect(twice).toEqual([]);
    expect(await page.locator(":is(pre, code, h1, h2, h3, a) a.ptlab-term").count()).toBe(0);
    await close();
  });

  test("the first tap on a word explains it, the second follows it", async () => {
    const { page, marks, tip, close } = await opened(PAGES[0]!, { width: 360, touch: true });
    await marks("term").first().tap();
    await expect.poll(() => tip.isVisible()).toBe(true);
    expect(page.url()).toContain(PAGES[0]);
    const box = (await tip.boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(360);
    await marks("term").first().tap();
    await page.waitForURL(/glossary\/#term-/);
    await close();
  });

  test("a reference to a figure has its number and shows its title, and both of its anchors lead to it", async () => {
    const { page, marks, tip, close } = await opened(PAGES[0]!);
    const reference = page.locator('a.ptlab-ref[href="#fig-tlb-reach"]').first();
    expect(await reference.textContent()).toBe("a cliff (Figure 4)");
    await reference.hover();
    await expect.poll(() => tip.textContent()).toContain("Figure 4 TLB misses by memory used");
    expect(await page.locator("#figure-4 #fig-tlb-reach").count()).toBe(1);
    expect(await marks("ref").count()).toBeGreaterThan(3);
    await close();
  });

  test("a citation shows its source, leads to the list at the end, and from there to all that cite it", async () => {
    const { page, marks, tip, close } = await opened(PAGES[0]!);
    const citation = marks("cite").first();
    await citation.hover();
    await expect.poll(() => tip.isVisible()).toBe(true);
    expect(await tip.textContent()).toContain("Linux 6.18");
    expect(await tip.textContent()).not.toContain("Pages that cite");
    await citation.click();
    const item = page.locator("li:target");
    await item.locator("a.ptlab-back").click();
    await page.waitForURL(/references\/#/);
    expect(await page.locator("li:target .ptlab-by a").allTextContents()).toContain("What one access costs");
    await close();
  });

  test("a note shows on hover, and its way back leads to where it is used", async () => {
    const { page, marks, tip, close } = await opened("notebooks/005-how-do-we-know/");
    await marks("note").first().hover();
    await expect.poll(() => tip.textContent()).toContain("cannot be predicted from the script alone");
    await marks("note").first().click();
    await page.locator("li:target a.ptlab-back").click();
    expect(page.url()).toMatch(/#note-1-from-1$/);
    await close();
  });

  test("without a script every mark is a link to something that is there", async () => {
    const { page, close } = await opened(PAGES[0]!, { script: false });
    const hrefs = await page.locator("a[data-tip]").evaluateAll((all) => all.map((a) => a.getAttribute("href")!));
    expect(hrefs.length).toBeGreaterThan(10);
    for (const href of new Set(hrefs.filter((href) => href.startsWith("#"))))
      expect(await page.locator(`[id="${href.slice(1)}"]`).count(), href).toBe(1);
    await close();
  });

  test.each([
    ["oracle/", "main table", (table: Element) => table.lastElementChild!.remove()],
    ["notebooks/005-how-do-we-know/", ".ptlab-output table", (table: Element) => table.nextElementSibling!.remove()],
  ])(
    "a table is not shown before what comes after it, so that its columns do not move: /%s",
    async (path, tables, cut) => {
      const { page, close } = await opened(path);
      const all = await page.locator(`${tables}:not(.ptlab-table)`).all();
      expect(all.length).toBeGreaterThan(1);
      for (const table of all) {
        expect(await table.isVisible()).toBe(true);
        await table.evaluate(cut);
        expect(await table.isVisible()).toBe(false);
      }
      await close();
    },
  );

  test("what a page's explanations weigh is less than 2 kB compressed", async () => {
    const { page, close } = await opened("notebooks/040-five-ways/");
    const hidden = await page.locator("p[hidden][id^=tip-]").evaluateAll((all) => all.map((p) => p.outerHTML).join(""));
    expect(gzipSync(hidden).length).toBeLessThan(2048);
    await close();
  });

  describe.each(PAGES)("/%s", (path) => {
    test.each(["light", "dark"] as const)("has nothing that axe finds, %s, with a window open", async (scheme) => {
      const { page, marks, tip, close } = await opened(path, { scheme });
      if ((await marks("term").count()) > 0) {
        await marks("term").first().hover();
        await expect.poll(() => tip.isVisible()).toBe(true);
      }
      expect(await axeFindings(page)).toEqual([]);
      await close();
    });
  });

  test.each(["light", "dark"] as const)(
    "on paper a page is light and has text, figures and sources alone (%s)",
    async (scheme) => {
      const { page, close } = await opened(PAGES[0]!, { scheme });
      await page.emulateMedia({ media: "print" });
      const shown = (selector: string) =>
        page.locator(selector).evaluateAll((all) => all.filter((e) => e.checkVisibility()).length);
      for (const gone of [
        "nav",
        "footer",
        "button",
        "select",
        "input",
        ".ptlab-data",
        ".ptlab-fold",
        "ptlab-exports",
        ".ptlab-back",
      ])
        expect(await shown(gone), gone).toBe(0);
      for (const kept of ["h1", ".ptlab-number", ".ptlab-stamp", ".ptlab-picture svg", "#page-sources", "math"])
        expect(await shown(kept), kept).toBeGreaterThan(0);
      const colours = await page.evaluate(() => {
        const of = (selector: string, name: "color" | "backgroundColor") =>
          getComputedStyle(document.querySelector(selector)!)[name];
        return [of("body", "backgroundColor"), of("main p", "color"), of("main .ec-line span[style]", "color")];
      });
      const [paper, ...inks] = colours.map(lightness);
      expect(paper).toBeGreaterThan(0.95);
      for (const ink of inks) expect(ink).toBeLessThan(0.6);
      await close();
    },
  );
});

/** Of a computed colour: 0 is black, 1 is white. */
function lightness(colour: string): number {
  const [red, green, blue] = colour.match(/[\d.]+/g)!.map(Number) as [number, number, number];
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
