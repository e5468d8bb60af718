/**
 * The page of a walk in a browser: its steps by keys and buttons, its slots, and what is there without script or motion.
 */
import { expect, test } from "vitest";
import { describeSite, expectFits, isLive, type Opened } from "./site-browser.ts";

const parts = ({ page }: Opened) => ({
  figure: page.locator("ptlab-walk ptlab-figure"),
  words: page.locator(".ptlab-walk-words"),
  later: page.locator(".ptlab-wide .ptlab-later"),
  steps: page.locator(".ptlab-wide .ptlab-step"),
  button: (name: string) => page.locator(".ptlab-walk-bar").getByRole("button", { name }),
  title: () => page.locator("figcaption strong").textContent(),
});

describeSite("the walk of an address in a browser", (site) => {
  test("opens with the whole walk, without an error, and in no more than the page's width", async () => {
    for (const scheme of ["light", "dark"] as const) {
      const opened = await site.open("walk/", { width: 360, scheme });
      expect(await parts(opened).later.count()).toBe(0);
      await expectFits(opened.page);
      expect(opened.wrong).toEqual([]);
      await opened.close();
    }
  });

  test("without script shows the whole walk as a picture and in words, and no buttons that do nothing", async () => {
    const { page, close } = await site.open("walk/", { script: false });
    expect(await page.locator(".ptlab-walk-list li").count()).toBe(8);
    expect(await page.locator(".ptlab-walk-bar:visible").count()).toBe(0);
    await close();
  });

  test("steps on and back by buttons and arrow keys, says each step, and loads no simulator for it", async () => {
    const opened = await site.open("walk/");
    const { button, words, later, steps } = parts(opened);
    const scripts: string[] = [];
    opened.page.on("request", (request) => scripts.push(request.url()));
    await button("Step").click();
    expect(await words.textContent()).toMatch(
      /^Step 1 of 8\. The address 0x7f1234567890 on x86-64: bits 47-39 choose PGD\[254\]/,
    );
    await opened.page.keyboard.press("ArrowRight");
    expect(await words.textContent()).toMatch(/^Step 2 of 8\. Level 3: PGD\[254\] is read\./);
    expect(await later.count()).toBe((await steps.count()) - 2);
    await opened.page.keyboard.press("ArrowLeft");
    expect(await words.textContent()).toMatch(/^Step 1 of 8\./);
    await button("Show all").click();
    expect(await later.count()).toBe(0);
    expect(scripts.filter((url) => /draw|worker/.test(url))).toEqual([]);
    expect(opened.wrong).toEqual([]);
    await opened.close();
  });

  test("plays by the space bar and pauses by it", async () => {
    const opened = await site.open("walk/");
    const { button, words } = parts(opened);
    await button("Play").focus();
    await opened.page.keyboard.press("Space");
    expect(await words.textContent()).toMatch(/^Step 1 of 8\./);
    await expect.poll(() => words.textContent(), { timeout: 10_000 }).toMatch(/^Step 2 of 8\./);
    await opened.page.keyboard.press("Space");
    expect(await button("Play").isVisible()).toBe(true);
    await opened.close();
  });

  test("moves nothing where the reader wants no motion: steps only", async () => {
    const opened = await site.open("walk/", { before: (page) => page.emulateMedia({ reducedMotion: "reduce" }) });
    const { button, steps } = parts(opened);
    expect(await button("Play").isVisible()).toBe(false);
    await button("Step").click();
    const moving = await steps.first().evaluate((group) => {
      const { transitionDuration, animationName } = getComputedStyle(
        (group as SVGElement).ownerSVGElement!.querySelector(".ptlab-arrow")!,
      );
      return [getComputedStyle(group).transitionDuration, transitionDuration, animationName];
    });
    expect(moving).toEqual(["0s", "0s", "none"]);
    await opened.close();
  });

  test("goes to a slot that is clicked, or chosen by its number, and the address follows", async () => {
    const opened = await site.open("walk/");
    const { figure, title } = parts(opened);
    await opened.page.locator(".ptlab-wide .ptlab-level-0.ptlab-index-358").click();
    await isLive(figure);
    await expect.poll(title).toBe("The walk of 0x7f1234566890 on x86-64");
    const slot = opened.page.locator(".ptlab-walk-slots input").last();
    await slot.focus();
    await opened.page.keyboard.press("ArrowDown");
    await expect.poll(title, { timeout: 30_000 }).toBe("The walk of 0x7f1234565890 on x86-64");
    expect(await opened.page.locator(".ptlab-walk-list li").nth(4).textContent()).toContain("PTE[357] is read");
    await expect.poll(() => new URL(opened.page.url()).search).toContain("address=0x7f1234565890");
    expect(opened.wrong).toEqual([]);
    await opened.close();
  });

  test("shows the walk that a link asks for, with its own steps", async () => {
    const opened = await site.open("walk/?figure-1.arch=arm64-4k&figure-1.mapped=contiguous+block#figure-1");
    const { figure, title } = parts(opened);
    await isLive(figure);
    expect(await title()).toBe("The walk of 0x7f1234567890 on arm64-4k");
    expect(await opened.page.locator(".ptlab-walk-list").textContent()).toContain(
      "one of 16 slots that map a block together",
    );
    await opened.close();
  });
});
