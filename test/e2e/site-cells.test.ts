/**
 * Cells of the built pages, edited and run again in a real browser.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasCode, parseNotebook } from "../../src/notebook/format.ts";
import { describeSite, notebooks, ROOT } from "./site-browser.ts";

/** Time for the cells of a whole notebook on a busy machine, in milliseconds. */
const PATIENCE = 240_000;

describeSite("cells of a page", (site) => {
  const cell = (page: Page, number: number): Locator =>
    page.locator(".ptlab-cell:has(.ptlab-cell-bar)").nth(number - 1);
  const status = (of: Locator) => of.locator(".ptlab-cell-status").textContent();
  const press = (of: Locator, action: string) => of.locator(`[data-cell="${action}"]`).click();
  const ended = (of: Locator) =>
    expect.poll(() => status(of), { timeout: PATIENCE }).toMatch(/^(Run on|Ended|Stopped|Not run)/);

  async function write(of: Locator, code: string): Promise<void> {
    await press(of, "edit");
    await of.locator(".cm-content").fill(code);
  }

  /** Writes a cell and runs it to its end. */
  async function run(of: Locator, code: string): Promise<void> {
    await write(of, code);
    await press(of, "run");
    await ended(of);
  }

  async function inJupyter(page: Page): Promise<{ name: string; text: string }> {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator('[data-cells="jupyter"]').click(),
    ]);
    return { name: download.suggestedFilename(), text: readFileSync((await download.path())!, "utf8") };
  }

  const codeOf = (text: string): string[] =>
    parseNotebook(text, "notebook")
      .cells.filter(hasCode)
      .map(({ source }) => source);

  const fileOf = (path: string): string => `${ROOT}${path.replace(/\/$/, ".ipynb")}`;
  const storedCode = (path: string): string[] => codeOf(readFileSync(fileOf(path), "utf8"));

  describe.each(notebooks)("/%s", (path) => {
    test("one edit leaves the code of all other cells as it is stored", { timeout: PATIENCE }, async () => {
      const { page, wrong, close } = await site.open(path);
      await write(cell(page, 1), "'mine'");
      const given = await inJupyter(page);
      expect(codeOf(given.text)).toEqual(["'mine'", ...storedCode(path).slice(1)]);
      expect(given.name).toBe(basename(fileOf(path)));
      expect(wrong).toEqual([]);
      await close();
    });

    test("every cell gives what is stored when it is run again", { timeout: 2 * PATIENCE }, async () => {
      const { page, wrong, close } = await site.open(path);
      const count = await page.locator(".ptlab-cell-bar").count();
      for (let number = 1; number <= count; number++) {
        await press(cell(page, number), "run");
        await ended(cell(page, number));
        expect(await status(cell(page, number)), `cell ${number}`).toMatch(/^Run on your machine .* the stored one\.$/);
      }
      expect(wrong).toEqual([]);
      await close();
    });
  });

  const path = "notebooks/015-op-script/";

  test("an editor holds the code of the stored notebook", async () => {
    const { page, wrong, close } = await site.open(path);
    await press(cell(page, 1), "edit");
    const lines = async () => (await cell(page, 1).locator(".cm-line").allTextContents()).join("\n");
    await expect.poll(lines).toBe(storedCode(path)[0]);
    expect(wrong).toEqual([]);
    await close();
  });

  test("an edited cell is run after those above it, and what follows is marked as older", async () => {
    const { page, wrong, close } = await site.open(path);
    const second = cell(page, 2);
    await write(second, "const edited = [1n, 2].length; edited + 40");
    await page.keyboard.press("Control+Enter");
    await ended(second);
    expect(await status(second)).toMatch(/^Run on your machine/);
    expect(await second.locator(".ptlab-output").allTextContents()).toEqual(["42"]);
    expect(await second.locator(".ptlab-stale-mark").count()).toBe(0);
    expect(await cell(page, 1).locator(".ptlab-stale-mark").count()).toBe(0);
    expect(await cell(page, 3).locator(".ptlab-stale-mark").count()).toBe(1);
    await press(second, "reset");
    await expect.poll(() => page.locator(".ptlab-stale-mark").count()).toBe(0);
    expect(wrong).toEqual([]);
    await close();
  });

  test("an error names cell and line, and hides what runs cells", async () => {
    const { page, close } = await site.open(path);
    await run(cell(page, 1), "function fail() {\n  throw new RangeError('far');\n}\n[1].map(() => fail());");
    const shown = (await cell(page, 1).locator(".ptlab-error").textContent())!;
    expect(shown).toMatch(/RangeError: far[\s\S]*at fail \(In\[1\]:2:9\)[\s\S]*In\[1\]:4:\d+/);
    expect(shown).not.toContain("_astro");
    await close();
  });

  test("an error of type keeps an edited cell from running, in the kernel's words", async () => {
    const { page, close } = await site.open(path);
    await run(cell(page, 1), 'console.log("ran");\nconst n: number = "text";');
    const shown = await cell(page, 1).locator(".ptlab-outputs").textContent();
    expect(shown).toContain("In[1]:2:7 - error TS2322: Type 'string' is not assignable to type 'number'.");
    expect(shown).not.toContain("ran\n");
    await close();
  });

  test("what may not be imported is told in one line", async () => {
    const { page, close } = await site.open(path);
    await run(cell(page, 1), '// @ts-nocheck\nimport { spawn } from "node:child_process";');
    expect(await cell(page, 1).locator(".ptlab-error").textContent()).toContain(
      "a cell in a page cannot import 'node:child_process': ptlab, ptlab/jupyter",
    );
    await close();
  });

  test("what nothing catches is told on the standard error of its cell", async () => {
    const { page, wrong, close } = await site.open(path);
    await write(cell(page, 1), "void Promise.reject(new Error('lost'));\n6 * 7");
    await press(cell(page, 1), "run");
    await expect.poll(() => cell(page, 1).locator(".ptlab-stderr").textContent()).toContain("Error: lost");
    expect(wrong).toEqual([]);
    await close();
  });

  test("a cell that runs away is stopped, and the next run begins anew", async () => {
    const { page, wrong, close } = await site.open(path);
    await write(cell(page, 1), "console.log('begun');\nfor (;;) {}");
    await press(cell(page, 1), "run");
    await expect.poll(() => cell(page, 1).locator(".ptlab-outputs").textContent()).toContain("begun");
    await press(cell(page, 1), "stop");
    await ended(cell(page, 1));
    expect(await status(cell(page, 1))).toContain("is lost");
    await cell(page, 1).locator(".cm-content").fill("6 * 7");
    await press(cell(page, 1), "run");
    await expect.poll(() => cell(page, 1).locator(".ptlab-output").allTextContents()).toEqual(["42"]);
    expect(wrong).toEqual([]);
    await close();
  });

  test("edits are there again after a reload", async () => {
    const { page, close } = await site.open(path);
    await write(cell(page, 1), "'kept'");
    await page.reload();
    await expect.poll(() => cell(page, 1).locator(".cm-line").allTextContents()).toEqual(["'kept'"]);
    await close();
  });

  test("the editor lets go of the keyboard after Escape", async () => {
    const { page, close } = await site.open(path);
    const isInEditor = () => page.evaluate(() => document.activeElement?.closest(".cm-editor") !== null);
    await press(cell(page, 1), "edit");
    await expect.poll(isInEditor).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    expect(await isInEditor()).toBe(false);
    await close();
  });

  test("without script there is nothing to press", async () => {
    const { page, close } = await site.open(path, { script: false });
    expect(await page.locator(".ptlab-cell-bar:visible").count()).toBe(0);
    await close();
  });
});
