/**
 * The built site in a real browser, for the tests of what a reader meets. Serves `dist/` as `ptlab start` does; the build
 * must be there (`npx ptlab start --no-serve`).
 */
import { existsSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { preview } from "astro";
import axe from "axe-core";
import type { Browser, Locator, Page, Request } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { listNotebooks } from "../../src/notebook/file.ts";
import { CHROMIUM, launchChromium } from "./chromium.ts";

/** The project's folder, with a slash at its end. */
export const ROOT = `${PROJECT_ROOT}/`;

const missing = [
  existsSync(CHROMIUM) ? "" : `no browser at ${CHROMIUM}`,
  existsSync(`${ROOT}dist/index.html`) ? "" : "the site is not built: run npx ptlab start --no-serve",
].filter((reason) => reason !== "");

/** Paths of the pages of all notebooks. */
export const notebooks = (await listNotebooks(`${ROOT}notebooks`)).map(
  (name) => `notebooks/${basename(name, ".ipynb")}/`,
);

/** The notebooks of the project itself; one without a number may have no figures. */
export const stories = notebooks.filter((path) => /^notebooks\/\d{3}-/.test(path));

/** Paths of all pages that were built, with a slash at their end. */
export const builtPages: readonly string[] = existsSync(`${ROOT}dist`)
  ? readdirSync(`${ROOT}dist`, { recursive: true, encoding: "utf8" })
      .filter((name) => name === "index.html" || name.endsWith("/index.html"))
      .map((name) => name.slice(0, -"index.html".length))
      .sort()
  : [];

/** How a page is opened: a desktop, light, with scripts, unless told otherwise. */
export interface Opening {
  readonly width?: number;
  readonly scheme?: "light" | "dark";
  readonly script?: boolean;
  /** With a finger in the place of a mouse. */
  readonly touch?: boolean;
  /** What the browser lets pages do without asking, for example "clipboard-read". */
  readonly permissions?: readonly string[];
  /** Called before the page is loaded, for example to add a script that watches it. */
  before?(page: Page): Promise<void>;
}

/** A page in a context of its own. */
export interface Opened {
  readonly page: Page;
  /** What a reader should never see: errors on the console, requests to other hosts. */
  readonly wrong: readonly string[];
  close(): Promise<void>;
}

/** The site while its tests run. */
export interface Site {
  /** Address of its root, with a slash at its end. */
  readonly address: string;
  open(path: string, opening?: Opening): Promise<Opened>;
  /** The same, and all that the page loads by itself is there. */
  openAtRest(path: string, opening?: Opening): Promise<Opened>;
}

/** Tests with the site served; they are skipped, with the reason in their title, where browser or build is missing. */
export function describeSite(title: string, tests: (site: Site) => void): void {
  test.runIf(missing.length > 0 && process.env.PTLAB_REQUIRE_ALL)("the browser and the built site are there", () => {
    expect(missing).toEqual([]);
  });
  describe.skipIf(missing.length > 0)(`${title}${missing.map((reason) => ` (${reason})`).join("")}`, () => {
    let server: Awaited<ReturnType<typeof preview>>;
    let browser: Browser;
    beforeAll(async () => {
      process.env.ASTRO_TELEMETRY_DISABLED = "1";
      server = await preview({ root: ROOT, logLevel: "error", server: { host: "127.0.0.1", port: 0 } });
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
    });
    const site: Site = {
      get address() {
        return `http://127.0.0.1:${server.port}/`;
      },
      open: (path, opening = {}) => open(browser, site.address, path, opening),
      openAtRest: (path, opening = {}) => openAtRest(browser, site.address, path, opening),
    };
    tests(site);
  });
}

async function open(browser: Browser, address: string, path: string, opening: Opening): Promise<Opened> {
  const { width = 1280, scheme = "light", script = true, touch = false, permissions = [] } = opening;
  const context = await browser.newContext({
    viewport: { width, height: 844 },
    colorScheme: scheme,
    javaScriptEnabled: script,
    hasTouch: touch,
    permissions: [...permissions],
  });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) wrong.push(request.url());
  });
  await opening.before?.(page);
  await page.goto(address + path, { waitUntil: "load" });
  return { page, wrong, close: () => context.close() };
}

/** How long a page may load at most on a busy machine, in milliseconds. */
const REST_MS = 15_000;

/**
 * Once in thousands of pages the browser does not tell that a request has ended. So a page that comes to no rest is opened
 * again: one that really waits for something does so twice, and the error says for what.
 */
async function openAtRest(browser: Browser, address: string, path: string, opening: Opening): Promise<Opened> {
  for (let i = 0; ; i++) {
    const waited = new Set<Request>();
    const before = async (page: Page) => {
      page.on("request", (request) => waited.add(request));
      for (const end of ["requestfinished", "requestfailed"] as const)
        page.on(end as "requestfinished", (request) => waited.delete(request));
      await opening.before?.(page);
    };
    const opened = await open(browser, address, path, { ...opening, before });
    try {
      await opened.page.waitForLoadState("networkidle", { timeout: REST_MS });
      return opened;
    } catch (cause) {
      await opened.close();
      const urls = [...waited].map((request) => request.url());
      if (i > 0) throw new Error(`/${path} comes to no rest, waiting for ${urls.join(", ") || "nothing"}`, { cause });
    }
  }
}

/** Waits until a figure shows what was computed in the browser. */
export async function isLive(figure: Locator): Promise<void> {
  await expect.poll(() => figure.getAttribute("data-state"), { timeout: 30_000 }).toBe("live");
}

/**
 * What all shifts of a page together stay below: a thousandth is what Chromium itself shows as 0. The theme takes an empty
 * element of 1 pixel out of its sidebar, which counts as 0.0002.
 */
const STILL = 0.001;

/** One shift, and what moved. */
interface Shift {
  readonly value: number;
  readonly nodes: readonly string[];
}

/** Has a page keep all of its shifts, whether or not the reader has just done something. Called before the page is loaded. */
export async function watchShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: unknown[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries() as (PerformanceEntry & {
        value: number;
        sources: { node?: Element }[];
      })[])
        shifts.push({ value, nodes: sources.map(({ node }) => node?.className || node?.nodeName) });
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** Expects that nothing has moved on a page whose shifts are kept. */
export async function expectStill(page: Page): Promise<void> {
  const shifts = await page.evaluate(() => (globalThis as never as { shifts: readonly Shift[] }).shifts);
  expect(
    shifts.reduce((sum, { value }) => sum + value, 0),
    JSON.stringify(shifts),
  ).toBeLessThan(STILL);
}

/** Expects that a page does not scroll sideways. */
export async function expectFits(page: Page): Promise<void> {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(page.viewportSize()!.width);
}

/** What axe finds in parts of a page, or in the whole. By the protocol of the browser: the page itself allows no script from elsewhere. */
export async function axeFindings(page: Page, parts?: readonly string[]): Promise<readonly string[]> {
  // Some names of controls come when a page has time for them.
  await page.waitForLoadState("networkidle");
  await page.evaluate(axe.source);
  return page.evaluate(
    async (include) => {
      const { axe } = globalThis as never as { axe: typeof import("axe-core") };
      const { violations } = await axe.run(include ? { include } : document, { resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
    },
    parts?.map((part) => [part]),
  );
}

/** Moves the first control of a live figure by one step; returns the key that moves it back. */
export async function moveOneControl(figure: Locator): Promise<string> {
  const page = figure.page();
  const control = figure.locator("select, input[type=range], input:checked, input[type=checkbox]").first();
  await control.focus();
  const kind = await control.evaluate((element) => element.getAttribute("type") ?? "select");
  if (kind === "checkbox") {
    await page.keyboard.press("Space");
    return "Space";
  }
  const before = await figure.locator("form").evaluate(formState);
  await page.keyboard.press("ArrowDown");
  if ((await figure.locator("form").evaluate(formState)) !== before) return "ArrowUp";
  await page.keyboard.press("ArrowUp");
  return "ArrowDown";
}

const formState = (form: Element): string =>
  [...form.querySelectorAll<HTMLInputElement>("select, input, textarea")].map((c) => `${c.value}${c.checked}`).join();
