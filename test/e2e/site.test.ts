/**
 * The built site in a real browser: what a reader meets, and what moves when they move a control.
 */
import type { Locator } from "playwright-core";
import { describe, expect, test } from "vitest";
import { describeSite, expectStill, isLive, moveOneControl, stories, watchShifts } from "./site-browser.ts";

describeSite("the site in a browser", (site) => {
  test("an address that does not exist says so", async () => {
    const response = await fetch(`${site.address}nowhere/`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("Page not found");
  });

  describe("a script that a reader writes", () => {
    const path = "notebooks/015-op-script/";
    const parts = async () => {
      const opened = await site.open(path);
      const figure = opened.page.locator("ptlab-figure").first();
      const title = () => figure.locator("figcaption strong").textContent();
      return {
        ...opened,
        figure,
        title,
        area: figure.getByRole("textbox"),
        sample: figure.locator("[data-sample-of]"),
      };
    };

    test("is run when it is written, and the menu says that it is the reader's own", async () => {
      const { area, sample, title, wrong, close } = await parts();
      await area.fill("map a 64K\ntouch a 0 8K\n");
      await expect.poll(title, { timeout: 30_000 }).toBe("After operation 2 of 2: touch a 0 8K");
      expect(await sample.inputValue()).toBe("your own");
      expect(wrong).toEqual([]);
      await close();
    });

    test("with a mistake leaves the picture as it was, and one line says what is allowed", async () => {
      const { figure, area, title, wrong, close } = await parts();
      const picture = () => figure.locator(".ptlab-wide svg").first().innerHTML();
      const before = [await picture(), await title()];
      await area.fill("map a 64K\ntouch b\n");
      await expect.poll(() => figure.getAttribute("data-state"), { timeout: 30_000 }).toBe("error");
      expect(await figure.locator(".ptlab-status").textContent()).toContain("script:2: no region 'b': allowed are a");
      expect([await picture(), await title()]).toEqual(before);
      expect(wrong).toEqual([]);
      await close();
    });

    test("can begin with a sample, and Reset brings the stored script back", async () => {
      const { figure, area, sample, title, close } = await parts();
      const [script, stored] = [await area.inputValue(), await title()];
      await sample.selectOption("tables come and go");
      await isLive(figure);
      expect(await area.inputValue()).toContain("touch a 2M 16K r");
      expect(await title()).not.toBe(stored);
      await figure.getByRole("button", { name: "Reset" }).click();
      expect([await area.inputValue(), await title()]).toEqual([script, stored]);
      expect(await sample.inputValue()).toBe("fork and write, 64K folios");
      await close();
    });
  });

  describe.each(stories)("/%s", (path) => {
    test("shows its figures without any script", async () => {
      const { page, close } = await site.open(path, { script: false });
      expect(await page.locator("figure.ptlab-figure .ptlab-wide svg").count()).toBeGreaterThan(0);
      expect(await page.locator(".ptlab-controls:visible").count()).toBe(0);
      await close();
    });

    test("has figures with a number, words for those who do not see them, a data table and a stamp", async () => {
      const { page, close } = await site.open(path);
      const figures = await page.locator("figure.ptlab-figure").all();
      for (const [i, figure] of figures.entries()) {
        expect(await figure.locator(".ptlab-number").textContent()).toBe(`Figure ${i + 1}`);
        expect((await figure.locator(".ptlab-wide desc").textContent())?.length).toBeGreaterThan(20);
        await figure.locator("summary").click();
        expect(await figure.locator("tbody tr").first().isVisible()).toBe(true);
        expect(await figure.locator(".ptlab-stamp").textContent()).toMatch(/^ptlab \d+\.\d+\.\d+ \([0-9a-f]{8}\)/);
      }
      await close();
    });

    test("has live figures whose pictures change when a control is moved by keyboard while nothing else moves, and Reset brings them back", async () => {
      const { page, wrong, close } = await site.open(path, { before: watchShifts });
      const figures = await page.locator("ptlab-figure").all();
      expect(figures.length).toBeGreaterThan(0);
      const picture = (figure: Locator) => figure.locator(".ptlab-wide svg").first().innerHTML();
      const stored = await Promise.all(figures.map(picture));
      for (const [i, figure] of figures.entries()) {
        await moveOneControl(figure);
        await isLive(figure);
        expect(await picture(figure)).not.toBe(stored[i]);
        expect(await figure.locator(".ptlab-status").textContent()).toContain("Computed on your machine");
      }
      await expectStill(page);
      for (const [i, figure] of figures.entries()) {
        await figure.getByRole("button", { name: "Reset" }).click();
        expect(await picture(figure)).toBe(stored[i]);
      }
      expect(wrong).toEqual([]);
      await close();
    });

    test("computes the stored data and stamp again when a control is moved there and back, and nothing else moves on a phone", async () => {
      const { page, close } = await site.open(path, { width: 360, before: watchShifts });
      for (const figure of await page.locator("ptlab-figure").all()) {
        const shown = async () =>
          (await figure.locator(".ptlab-data table").innerHTML()) +
          (await figure.locator(".ptlab-stamp").textContent());
        const stored = await shown();
        const back = await moveOneControl(figure);
        await isLive(figure);
        await page.keyboard.press(back);
        await expect.poll(shown, { timeout: 30_000 }).toBe(stored);
      }
      await expectStill(page);
      await close();
    });
  });
});
