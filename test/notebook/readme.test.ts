import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { alone } from "../../src/figure/exports.ts";
import { figuresOf } from "../../src/notebook/figures.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { normaliseSvg } from "../../src/notebook/normalise.ts";

const root = new URL("../../", import.meta.url);
const PICTURE = new URL("site/public/readme.svg", root);

/** The stored picture of the figure with that title. */
function storedPicture(notebook: string, title: string): string {
  const file = new URL(`notebooks/${notebook}.ipynb`, root);
  const nb = parseNotebook(readFileSync(file, "utf8"), notebook);
  const found = figuresOf(nb).find(({ stored }) => stored.data.title === title);
  if (found === undefined) throw new Error(`${notebook} holds no figure '${title}'`);
  return found.bundle["image/svg+xml"] as string;
}

describe("the README", () => {
  it("shows the picture that the notebook holds now (UPDATE_GOLDEN=1 writes it)", () => {
    const picture = alone(storedPicture("030-contpte-coverage", "Decay of contpte coverage"));
    if (process.env.UPDATE_GOLDEN) writeFileSync(PICTURE, picture);
    expect(normaliseSvg(readFileSync(PICTURE, "utf8"))).toBe(normaliseSvg(picture));
  });

  it("names no command that the program does not know", () => {
    const readme = readFileSync(new URL("README.md", root), "utf8");
    const named = [...readme.matchAll(/npx ptlab (\w+)/g)].map((m) => m[1]);
    const cli = readFileSync(new URL("src/cli.ts", root), "utf8");
    for (const name of named) expect(cli).toContain(`.command("${name}")`);
  });
});
