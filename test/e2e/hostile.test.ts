/**
 * A notebook in which everything is an attack, in a real browser: its page without any policy, so that the sanitiser stands
 * alone, and the attacks as they are under the policy of the site, so that the policy stands alone.
 */
import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { policy } from "../../site/csp.ts";
import { hostileNotebook, hostilePage } from "../notebook/hostile.ts";
import { CHROMIUM, launchChromium } from "./chromium.ts";

const missing = existsSync(CHROMIUM) ? "" : ` (no browser at ${CHROMIUM})`;
const ADDRESS = "http://hostile.test/";

test.runIf(missing !== "" && process.env.PTLAB_REQUIRE_ALL)("the browser is there", () => {
  expect(missing).toBe("");
});

describe.skipIf(missing !== "")(`a hostile notebook in a browser${missing}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  /** Opens a body, or a picture, and tells what a reader should never meet. */
  async function opened(body: string, type = "text/html") {
    const context = await browser.newContext();
    const page = await context.newPage();
    const requests: string[] = [];
    await page.route("**/*", (route) => {
      if (route.request().url() === ADDRESS) return route.fulfill({ body, contentType: type });
      if (!route.request().url().startsWith("data:")) requests.push(route.request().url());
      return route.abort();
    });
    await page.goto(ADDRESS, { waitUntil: "load" });
    await page.waitForTimeout(300);
    for (const details of await page.locator("details").all())
      await details.evaluate((element) => element.setAttribute("open", ""));
    const pwned = await page.evaluate(() => "pwned" in window);
    const covering = await page.evaluate(() =>
      [...document.querySelectorAll("body *")]
        .filter((element) => /fixed|sticky|absolute/.test(getComputedStyle(element).position))
        .map((element) => element.outerHTML.slice(0, 200)),
    );
    const address = page.url();
    await context.close();
    return { requests, pwned, covering, address };
  }

  const NOTHING = { requests: [], pwned: false, covering: [], address: ADDRESS };

  test("runs nothing, loads nothing and covers nothing, even without a policy", async () => {
    const { html } = await hostilePage();
    expect(await opened(`<!doctype html><meta charset="utf-8"><body>${html}`)).toEqual(NOTHING);
  });

  test("has pictures that do nothing when they are opened as documents", async () => {
    const { files } = await hostilePage();
    for (const { name, text } of files.filter((file) => file.name.endsWith(".svg")))
      if (text !== "") expect(await opened(text, "image/svg+xml"), name).toEqual(NOTHING);
  });

  test("would run no script under the site's policy even if nothing were sanitised, but does without both", async () => {
    const { cells } = await hostileNotebook();
    const raw = cells
      .filter(({ cell_type, source }) => cell_type === "markdown" && !/http-equiv|<base/.test(source))
      .map(({ source }) => source)
      .join("\n");
    const meta = `<meta http-equiv="content-security-policy" content="${policy([])}">`;
    expect((await opened(`<!doctype html><head>${meta}</head><body>${raw}`)).pwned).toBe(false);
    expect((await opened(`<!doctype html><body>${raw}`)).pwned).toBe(true);
  });
});
