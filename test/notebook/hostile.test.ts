/** A notebook in which everything is an attack: what its page holds, as a browser would parse it. */
import { type HTMLElement, Window } from "happy-dom";
import { beforeAll, expect, test } from "vitest";
import { display } from "../../src/figure/display.ts";
import type { Page } from "../../src/notebook/render/page.ts";
import { svgFile } from "../../src/notebook/render/sanitize.ts";
import { groupedBars, testHost } from "../figure/samples.ts";
import { hostilePage } from "./hostile.ts";

let page: Page;
let elements: HTMLElement[];

beforeAll(async () => {
  page = await hostilePage();
  const { document } = new Window();
  document.body.innerHTML = page.html;
  elements = [...document.body.querySelectorAll("*")] as HTMLElement[];
});

const tags = (): Set<string> => new Set(elements.map((element) => element.tagName.toLowerCase()));
const attributes = () =>
  elements.flatMap((element) => [...element.attributes].map(({ name, value }) => ({ element, name, value })));

/** Elements of our own controls, which a notebook cannot make. */
const ours = (element: HTMLElement): boolean =>
  element.closest(".ptlab-cell-bar, .ptlab-page-bar, ptlab-figure, ptlab-exports") !== null;

test("no element on it runs, loads, frames, styles or asks", () => {
  const bad =
    "script iframe frame object embed style link base meta template noscript video audio source image foreignobject animate set handler math dialog portal marquee xmp";
  expect([...tags()].filter((tag) => bad.split(" ").includes(tag) || tag.includes(":"))).toEqual([]);
  expect(
    elements.filter((element) => /^(FORM|INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && !ours(element)),
  ).toEqual([]);
});

test("no element of the site's own is on it but those that the page makes", () => {
  const custom = elements
    .filter((element) => element.tagName.includes("-"))
    .map(({ tagName }) => tagName.toLowerCase());
  expect(new Set(custom)).toEqual(new Set(["ptlab-figure", "ptlab-exports"]));
  expect(elements.filter((element) => element.tagName === "PTLAB-FIGURE").length).toBe(16);
  const attacked = elements.filter((element) => element.closest(".ptlab-output .ptlab-scroll") && !ours(element));
  expect(attacked.filter(({ className }) => /ptlab-(tip|cell|code)\b|overlay|modal/.test(String(className)))).toEqual(
    [],
  );
});

test("no attribute on it is a handler, or leads to a script or by itself to another host", () => {
  const wrong = attributes().filter(
    ({ element, name }) =>
      /^on|^(srcset|srcdoc|ping|formaction|action|background|is|slot|popover|popovertarget|name|contenteditable|autofocus|accesskey)$/.test(
        name,
      ) && !ours(element),
  );
  expect(wrong.map(({ name, value }) => `${name}=${value}`)).toEqual([]);
  const leading = attributes().filter(({ name }) => /^(href|src|xlink:href|data-embed)$/.test(name));
  for (const { element, name, value } of leading) {
    if (name === "src") expect(value).toMatch(/^data:image\//);
    else expect(value, element.tagName).toMatch(/^(#|\/|https:\/\/elsewhere\.example\/$)/);
  }
});

test("no style on it places, loads or computes", () => {
  for (const { name, value } of attributes())
    if (name === "style") expect(value).not.toMatch(/position|inset|url|expression|overflow|transform|\\/i);
});

test("no place on it is called as the page's own are, and none twice but in pictures", () => {
  const figures = elements.filter(({ id }) => /^figure-\d+$/.test(id));
  expect(figures.map(({ tagName }) => tagName)).toEqual(Array(16).fill("FIGURE"));
  expect(elements.filter(({ id }) => /^(starlight__|ptlab-type$)/.test(id))).toEqual([]);
});

test("its title and description are text", () => {
  expect(page.title).toContain("<script>");
  expect(page.description).toContain("<script>");
});

test("its pictures as files hold nothing that a browser would run or fetch", () => {
  const pictures = page.files.filter(({ name }) => name.endsWith(".svg"));
  expect(pictures).toHaveLength(16);
  for (const { text } of pictures) {
    expect(text).not.toMatch(/script|onload|onbegin|foreignObject|javascript:|@import|<!|<\?/i);
    expect(text.replaceAll("http://www.w3.org/", "")).not.toMatch(/https?:|\/\//);
  }
});

test("a picture of ours is a file as it is stored", () => {
  const svg = display(groupedBars(), testHost())["image/svg+xml"] as string;
  expect(svgFile(svg)).toBe(svg);
});
