/**
 * Links, embedded pages and exports of figures in a real browser: what a reader sends to another is what that one sees.
 */
import { existsSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import {
  describeSite,
  expectFits,
  expectStill,
  isLive,
  moveOneControl,
  notebooks,
  ROOT,
  stories,
  watchShifts,
} from "./site-browser.ts";

const OP_SCRIPT = "notebooks/015-op-script/";
const WALK_COST = "notebooks/010-walk-cost/";

describeSite("links, embedded figures and exports", (site) => {
  const figureOf = (page: Page, id: string) => page.locator(`ptlab-figure:has(#${id})`);

  describe.each(stories)("/%s", (path) => {
    test("has live figures that another reader's browser makes equal from the address alone", async () => {
      const sender = await site.open(path);
      const figures = await sender.page.locator("ptlab-figure").all();
      for (const figure of figures) {
        await moveOneControl(figure);
        await isLive(figure);
      }
      const ids = await Promise.all(figures.map(idOf));
      await expect.poll(() => ids.filter((id) => !sender.page.url().includes(`${id}.`))).toEqual([]);
      expect(new URL(sender.page.url()).hash).toBe(`#${ids.at(-1)}`);
      const sent = await Promise.all(figures.map(shown));

      const receiver = await site.open(sender.page.url().slice(site.address.length), { before: watchShifts });
      for (const [i, id] of ids.entries()) {
        const figure = figureOf(receiver.page, id);
        await isLive(figure);
        expect(await shown(figure)).toEqual(sent[i]);
        expect(await status(figure)).toMatch(/^Computed on your machine from the link in \d/);
      }
      expect(await figureOf(receiver.page, ids.at(-1)!).locator("figcaption").isVisible()).toBe(true);
      await expectStill(receiver.page);
      expect([...sender.wrong, ...receiver.wrong]).toEqual([]);
      await sender.close();
      await receiver.close();
    });
  });

  describe("a link", () => {
    const link = `${WALK_COST}?figure-2.mapped=16M&figure-2.walkCache=true`;

    test("sets the controls, scrolls to its figure even without a hash, and its stamp is that of a computed figure", async () => {
      const { page, wrong, close } = await site.open(link);
      const figure = figureOf(page, "figure-2");
      await isLive(figure);
      expect(await figure.locator("[name=walkCache]").isChecked()).toBe(true);
      await expect.poll(() => inView(figure)).toBe(true);
      expect(await figure.locator("figcaption strong").textContent()).toContain("16M");
      const svg = await content(figure.getByRole("link", { name: "SVG" }), page);
      expect(svg).toContain('"mapped":"16M"');
      expect(wrong).toEqual([]);
      await close();
    });

    test("that says the stored values runs nothing", async () => {
      const { page, close } = await site.openAtRest(`${WALK_COST}?figure-2.mapped=128M#figure-2`);
      expect(await figureOf(page, "figure-2").getAttribute("data-state")).toBeNull();
      await close();
    });

    // More than is read, and less than what the server refuses.
    const huge = "x".repeat(9000);
    test.each([
      ["figure-2.mapped=3M", "unknown mapped '3M': allowed are"],
      ["figure-2.seed=1e999", "bad seed 'Infinity'"],
      ["figure-2.seed=soon", "bad seed 'soon': a number is allowed"],
      ["figure-2.walkCache=maybe", "unknown walkCache 'maybe': allowed are true, false"],
      ["figure-2.walkCahce=true", "did you mean walkCache?"],
      ["figure-2.__proto__=1", "unknown parameter '__proto__'"],
      ["figure-2.constructor=1", "unknown parameter 'constructor'"],
      ["figure-2.mapped=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "unknown mapped '<img src=x onerror=alert(1)>'"],
      ["figure-2.mapped=4M&figure-2.mapped=16M", "mapped is given twice"],
      [`figure-2.mapped=${huge}`, "at most 7000 are read"],
      ["figure-2.mapped=%E0%A4%A", "unknown mapped"],
    ])("with a mistake leaves the stored figure and says so in one line: %.50s", async (query, message) => {
      const { page, wrong, close } = await site.open(`${WALK_COST}?${query}#figure-2`, { before: watchShifts });
      const figure = figureOf(page, "figure-2");
      await expect.poll(() => status(figure)).toContain(message);
      expect(await figure.locator(".ptlab-status img").count()).toBe(0);
      expect(await status(figure)).toMatch(/^The link cannot be followed: [^\n]{1,300}$/);
      const { page: untouched, close: closeOther } = await site.open(WALK_COST);
      expect(await shown(figure)).toEqual(await shown(figureOf(untouched, "figure-2")));
      await expectStill(page);
      expect(wrong).toEqual([]);
      await close();
      await closeOther();
    });

    test.each([
      ["figure-99.mapped=4M", "There is no figure-99 here"],
      ["figure-2.mapped=4M&figure-0.a=%3Cb%3E", "There is no figure-0 here"],
    ])("to a figure that there is not says so: %s", async (query, message) => {
      const { page, wrong, close } = await site.open(`${WALK_COST}?${query}`);
      await expect.poll(() => page.locator(".ptlab-said").first().textContent()).toBe(message);
      expect(wrong).toEqual([]);
      await close();
    });

    test("carries a script with everything that an address has to escape", async () => {
      const script = "# a & b = 100% + <i>\nmap a 64K\ntouch a 0 8K\n";
      const query = new URLSearchParams({ "figure-1.script": script });
      const { page, wrong, close } = await site.open(`${OP_SCRIPT}?${query}#figure-1`);
      const figure = figureOf(page, "figure-1");
      await isLive(figure);
      expect(await figure.getByRole("textbox").inputValue()).toBe(script);
      expect(await figure.locator("[data-sample-of]").inputValue()).toBe("your own");
      expect(wrong).toEqual([]);
      await close();
    });

    test("names several figures that share a worker, and a reload shows all of them again", async () => {
      const ids = [1, 2, 3, 5, 6].map((n) => `figure-${n}`);
      const query = ids.map((id) => `${id}.capture=node%2C+no+THP`).join("&");
      const { page, wrong, close } = await site.open(`process/?${query}`);
      for (const again of [false, true]) {
        if (again) await page.reload();
        for (const id of ids) {
          await isLive(figureOf(page, id));
          expect(await status(figureOf(page, id))).toMatch(/^Computed on your machine from the link in \d/);
        }
      }
      expect(await figureOf(page, "figure-4").getAttribute("data-state")).toBeNull();
      expect(wrong).toEqual([]);
      await close();
    });

    test("is not made for a script that is too long for one", async () => {
      const { page, close } = await site.open(OP_SCRIPT);
      const figure = figureOf(page, "figure-1");
      await figure.getByRole("textbox").fill(`${"# äöü äöü äöü äöü äöü\n".repeat(100)}map a 64K\n`);
      await isLive(figure);
      await figure.getByRole("button", { name: "Copy link" }).click();
      await expect.poll(() => said(figure)).toBe("Too long for a link");
      expect(page.url()).not.toContain("figure-1.script");
      await close();
    });
  });

  test("Back and Forward show the figures that the addresses name", async () => {
    const { page, wrong, close } = await site.open(WALK_COST);
    const figure = figureOf(page, "figure-2");
    const stored = await shown(figure);
    await page.evaluate(() => history.pushState(null, "", "?figure-2.mapped=16M#figure-2"));
    await page.evaluate(() => history.pushState(null, "", "?figure-2.mapped=64M#figure-2"));
    await page.goBack();
    await isLive(figure);
    const small = await shown(figure);
    expect(small).not.toEqual(stored);
    await page.goForward();
    await expect.poll(() => figure.locator("figcaption strong").textContent()).toContain("64M");
    await page.goBack();
    await expect.poll(() => shown(figure)).toEqual(small);
    await page.goBack();
    await expect.poll(() => shown(figure)).toEqual(stored);
    expect(await figure.getAttribute("data-state")).toBe("static");
    expect(wrong).toEqual([]);
    await close();
  });

  test("Reset takes the figure's values out of the address and leaves those of others", async () => {
    const { page, close } = await site.open(`${WALK_COST}?figure-1.mapped=16M&figure-2.mapped=16M#figure-2`);
    const figure = figureOf(page, "figure-2");
    await isLive(figure);
    await isLive(figureOf(page, "figure-1"));
    await figure.getByRole("button", { name: "Reset" }).click();
    await expect.poll(() => new URL(page.url()).search).toBe("?figure-1.mapped=16M");
    await close();
  });

  describe("the clipboard", () => {
    const permissions = ["clipboard-read", "clipboard-write"];
    const pasted = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

    test("gets a link to what one figure shows, and nothing of the others", async () => {
      const { page, close } = await site.open(`${WALK_COST}?figure-1.mapped=16M&figure-2.mapped=16M`, { permissions });
      const figure = figureOf(page, "figure-2");
      await isLive(figure);
      await figure.getByRole("button", { name: "Copy link" }).click();
      await expect.poll(() => said(figure)).toBe("Link copied");
      expect(await pasted(page)).toBe(`${site.address}${WALK_COST}?figure-2.mapped=16M#figure-2`);
      await close();
    });

    test("gets the text table, the stored one and the computed one", async () => {
      const { page, close } = await site.open(WALK_COST, { permissions });
      const figure = figureOf(page, "figure-2");
      const press = async () => {
        await page.evaluate(() => navigator.clipboard.writeText(""));
        await figure.getByRole("button", { name: "Copy text table" }).click();
        await expect.poll(() => pasted(page)).not.toBe("");
        return pasted(page);
      };
      const stored = await press();
      expect(stored).toBe(readFileSync(`${ROOT}dist/${WALK_COST}figure-2.txt`, "utf8"));
      await moveOneControl(figure);
      await isLive(figure);
      const live = await press();
      expect(live).toMatch(/\nptlab \d/);
      expect(live).not.toBe(stored);
      await close();
    });

    test("is reached the older way where there is no permission, and where nothing helps it says so", async () => {
      const before = (page: Page) =>
        init(page, () => {
          Object.defineProperty(navigator, "clipboard", { value: undefined });
          document.addEventListener("copy", () => {
            document.body.dataset.copied = (document.activeElement as HTMLTextAreaElement).value;
          });
        });
      const { page, wrong, close } = await site.open(WALK_COST, { before });
      const exported = page.locator("ptlab-exports").first();
      await exported.getByRole("button", { name: "Copy link" }).click();
      await expect.poll(() => exported.locator(".ptlab-said").textContent()).toBe("Link copied");
      expect(await page.locator("body").getAttribute("data-copied")).toBe(`${site.address}${WALK_COST}#figure-1`);
      await page.evaluate(() => Object.defineProperty(document, "execCommand", { value: () => false }));
      await exported.getByRole("button", { name: "Copy link" }).click();
      await expect.poll(() => exported.locator(".ptlab-said").textContent()).toBe("Copying is not allowed here");
      expect(wrong).toEqual([]);
      await close();
    });
  });

  describe("PNG", () => {
    const png = async (path: string, scheme: "light" | "dark") => {
      const { page, wrong, close } = await site.open(path, { scheme });
      const figure = page.locator("figure#figure-2");
      const download = page.waitForEvent("download");
      await figure.getByRole("button", { name: "PNG" }).click();
      const file = await download;
      const bytes = readFileSync(await file.path());
      const size = await figure
        .locator(".ptlab-wide svg")
        .evaluate((svg) => ["width", "height"].map((side) => Number(svg.getAttribute(side))));
      const colours = await page.evaluate(coloursOf, `data:image/png;base64,${bytes.toString("base64")}`);
      expect(wrong).toEqual([]);
      await close();
      return { name: file.suggestedFilename(), bytes, size, colours };
    };

    test("has twice the pixels of the picture, on white, with more than one colour and black ink", async () => {
      const { name, bytes, size, colours } = await png(WALK_COST, "light");
      expect(name).toBe("figure-2.png");
      expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual(size.map((side) => side * 2));
      expect(colours.corner).toBe("255,255,255,255");
      expect(colours.distinct).toBeGreaterThan(20);
      expect(colours.black).toBeGreaterThan(500);
    });

    test("has the same bytes on a dark page", async () => {
      const [light, dark] = [await png(WALK_COST, "light"), await png(WALK_COST, "dark")];
      expect(dark.bytes.equals(light.bytes)).toBe(true);
    });

    test("is there for a figure without controls too", async () => {
      const { name, colours } = await png("notebooks/005-how-do-we-know/", "dark");
      expect(name).toBe("figure-2.png");
      expect(colours.distinct).toBeGreaterThan(20);
    });
  });

  test("SVG, CSV and text of a computed figure do not depend on whether the page is dark", async () => {
    const files = async (scheme: "light" | "dark") => {
      const { page, close } = await site.open(`${WALK_COST}?figure-2.mapped=16M`, { scheme });
      const figure = figureOf(page, "figure-2");
      await isLive(figure);
      const contents: string[] = [];
      for (const link of await figure.locator("[data-file]").all()) contents.push(await content(link, page));
      await close();
      return contents;
    };
    const light = await files("light");
    expect(await files("dark")).toEqual(light);
    expect(light[0]).toContain('fill="currentColor"');
  });

  describe("a page for a frame", () => {
    const embed = "embed/010-walk-cost/figure-2/";

    test("is there for every figure of every notebook, and only the figure is on it", () => {
      for (const path of notebooks) {
        const html = readFileSync(`${ROOT}dist/${path}index.html`, "utf8");
        for (const [, id] of html.matchAll(/<figure class="ptlab-figure[^>]* id="(figure-\d+)"/g)) {
          const file = `${ROOT}dist/embed/${path.slice("notebooks/".length)}${id}/index.html`;
          expect(existsSync(file), file).toBe(true);
          const alone = readFileSync(file, "utf8");
          expect(alone.match(/<figure/g)).toHaveLength(1);
          expect(alone).toContain('<meta name="robots" content="noindex">');
          expect(alone).toMatch(new RegExp(`<link rel="canonical" href="[^"]*/${path}">`));
          expect(alone).not.toContain("<header");
        }
      }
    });

    test.each(["light", "dark"] as const)("computes what its page computes, as %s as the frame", async (scheme) => {
      const query = "?figure-2.mapped=16M";
      const { page, wrong, close } = await site.open(embed + query, { scheme });
      const whole = await site.open(WALK_COST + query);
      const [alone, original] = [figureOf(page, "figure-2"), figureOf(whole.page, "figure-2")];
      await isLive(alone);
      await isLive(original);
      expect(await shown(alone)).toEqual(await shown(original));
      expect(await background(page)).toBe(BACKGROUND[scheme]);
      expect(wrong).toEqual([]);
      await close();
      await whole.close();
    });

    test("takes the theme of its address before that of the system, and keeps it when a control is moved", async () => {
      const { page, close } = await site.open(`${embed}?theme=dark`, { scheme: "light" });
      expect(await background(page)).toBe(BACKGROUND.dark);
      await moveOneControl(figureOf(page, "figure-2"));
      await expect.poll(() => page.url()).toMatch(/\?theme=dark&figure-2\./);
      await close();
    });

    test("links to the figure's place on the page it comes from, outside the frame, with what it shows", async () => {
      const permissions = ["clipboard-read", "clipboard-write"];
      const { page, close } = await site.open(`${embed}?theme=dark&figure-2.mapped=16M`, { permissions });
      const figure = figureOf(page, "figure-2");
      await isLive(figure);
      for (const link of [page.locator(".ptlab-from a"), page.locator(".ptlab-number")]) {
        expect(await link.getAttribute("href")).toBe(`/${WALK_COST}#figure-2`);
        expect(await link.getAttribute("target")).toBe("_blank");
      }
      await figure.getByRole("button", { name: "Copy link" }).click();
      await expect.poll(() => said(figure)).toBe("Link copied");
      const link = await page.evaluate(() => navigator.clipboard.readText());
      expect(link).toBe(`${site.address}${WALK_COST}?figure-2.mapped=16M#figure-2`);
      await close();
    });

    test("fits into the frame of the snippet that its page gives, with what the figure shows", async () => {
      const { page, close } = await site.open(`${WALK_COST}?figure-2.mapped=16M`);
      const figure = figureOf(page, "figure-2");
      await isLive(figure);
      await figure.getByRole("button", { name: "Embed" }).click();
      const snippet = await figure.locator(".ptlab-embed textarea").inputValue();
      expect(snippet).toContain(`src="${site.address}${embed}?figure-2.mapped=16M"`);
      await page.setContent(`<div style="width: 42rem">${snippet}</div>`);
      const frame = page.frameLocator("iframe");
      await frame.locator('ptlab-figure[data-state="live"]').waitFor();
      const over = await frame.locator("html").evaluate((html) => html.scrollHeight - html.clientHeight);
      expect(over).toBeLessThanOrEqual(0);
      await close();
    });

    test("does not scroll sideways on a phone, and shows its figure without script", async () => {
      const { page, close } = await site.open(embed, { width: 360, script: false });
      await expectFits(page);
      expect(await page.locator(".ptlab-narrow svg").isVisible()).toBe(true);
      expect(await page.locator("button:visible").count()).toBe(0);
      await close();
    });
  });
});

/** Colours of a page's background: Starlight's. */
const BACKGROUND = { light: "rgb(255, 255, 255)", dark: "rgb(23, 24, 28)" };

const background = (page: Page): Promise<string> =>
  page.evaluate(() => getComputedStyle(document.body).backgroundColor);

const idOf = (figure: Locator): Promise<string> => figure.locator("figure").evaluate((element) => element.id);

const status = async (figure: Locator): Promise<string> =>
  ((await figure.locator(".ptlab-status").textContent()) ?? "").trim();

const said = (figure: Locator): Promise<string | null> => figure.locator(".ptlab-said").textContent();

/** Everything of a figure that a link must bring back. */
async function shown(figure: Locator): Promise<readonly string[]> {
  const html = (selector: string) => figure.locator(selector).first().innerHTML();
  return Promise.all([
    html(".ptlab-wide svg"),
    html(".ptlab-narrow svg"),
    html(".ptlab-data table"),
    html("figcaption strong"),
    html(".ptlab-caption"),
    html(".ptlab-stamp"),
  ]);
}

const inView = (figure: Locator): Promise<boolean> =>
  figure.evaluate((element) => {
    const { top } = element.getBoundingClientRect();
    return top >= 0 && top < innerHeight / 2;
  });

/** The content behind a download link. */
async function content(link: Locator, page: Page): Promise<string> {
  const download = page.waitForEvent("download");
  await link.hover();
  // A link that a pointer rests on for longer than 80 ms is one that the page may fetch before it is pressed.
  await page.waitForTimeout(150);
  await link.click();
  return text(await (await download).createReadStream());
}

/** Runs a script in every page before its own. */
async function init(page: Page, script: () => void): Promise<void> {
  await page.addInitScript(script);
}

/** Counts the colours of an image; runs in the page. */
async function coloursOf(address: string) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d")!;
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const words = new Uint32Array(data.buffer);
  return {
    corner: data.slice(0, 4).join(),
    distinct: new Set(words).size,
    black: words.filter((word) => word === 0xff000000).length,
  };
}
