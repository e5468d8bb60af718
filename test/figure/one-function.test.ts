import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { alone, exportsOf, inPage } from "../../src/figure/exports.ts";
import { DISPLAY } from "../../src/figure/figure.ts";
import { groupedBars, testHost } from "./samples.ts";

const root = new URL("../../", import.meta.url);

/** The files of a folder of which the text matches. */
function filesWith(folder: string, text: RegExp): string[] {
  const names = readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.(ts|astro|mjs)$/.test(name)).map((name) => `${folder}/${name}`);
  return files.filter((name) => text.test(readFileSync(new URL(name, root), "utf8"))).sort();
}

test("nothing plots but the function that draws figures, and the legend within it", () => {
  const drawing = ["src", "site"].flatMap((folder) => filesWith(folder, /\b[Pp]lot\.plot\(/));
  expect(drawing).toEqual(["src/figure/legend.ts", "src/figure/render.ts"]);
});

test("what a notebook shows and what is exported are the same bytes", async () => {
  const bundle = await groupedBars()[DISPLAY](testHost());
  const { svg, txt } = exportsOf(groupedBars(), testHost());
  expect([bundle["image/svg+xml"], bundle["text/plain"]]).toEqual([svg, txt]);
});

test("a picture that stands alone has colours that no page around it can take over, and nothing else besides", () => {
  const { svg } = exportsOf(groupedBars(), testHost());
  expect(alone(svg)).toMatch(/<style>svg:root\{[^<]*<\/style>/);
  expect(inPage(alone(svg))).toBe(svg);
  expect(inPage(svg)).toBe(svg);
});
