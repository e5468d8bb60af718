import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Notebook } from "../../src/notebook/format.ts";

const root = new URL("../../", import.meta.url);
const PICTURE = new URL("site/public/readme.svg", root);

/** A picture on its own has no page to give it a colour, so it brings one for light and for dark. */
const COLOUR = "<style>svg{color:#1b1b1b}@media(prefers-color-scheme:dark){svg{color:#e8e8e8}}</style>";

/** The stored picture of the figure with that title. */
function storedPicture(notebook: string, title: string): string {
  const nb = JSON.parse(readFileSync(new URL(`notebooks/${notebook}.ipynb`, root), "utf8")) as Notebook;
  const outputs = nb.cells.flatMap((cell) => (cell.cell_type === "code" ? cell.outputs : []));
  for (const output of outputs as readonly { data?: Record<string, unknown> }[]) {
    const stored = output.data?.["application/vnd.ptlab.figure+json"] as { title: string } | undefined;
    if (stored?.title !== title) continue;
    const svg = output.data?.["image/svg+xml"] as string | string[];
    return typeof svg === "string" ? svg : svg.join("");
  }
  throw new Error(`${notebook} holds no figure '${title}'`);
}

/** The stamp moves with every change of the sources, and with it the digest that ids begin with; the picture does not. */
function unstamped(svg: string): string {
  return svg.replace(/<metadata>.*?<\/metadata>/s, "").replaceAll(/ptlab-[0-9a-f]{16}/g, "ptlab");
}

describe("the README", () => {
  it("shows the picture that the notebook holds now (UPDATE_GOLDEN=1 writes it)", () => {
    const picture = storedPicture("030-contpte-coverage", "Decay of contpte coverage").replace(
      "</metadata>",
      `</metadata>${COLOUR}`,
    );
    if (process.env.UPDATE_GOLDEN) writeFileSync(PICTURE, picture);
    expect(unstamped(readFileSync(PICTURE, "utf8"))).toBe(unstamped(picture));
  });

  it("names no command that the program does not know", () => {
    const readme = readFileSync(new URL("README.md", root), "utf8");
    const named = [...readme.matchAll(/npx ptlab (\w+)/g)].map((m) => m[1]);
    const cli = readFileSync(new URL("src/cli.ts", root), "utf8");
    for (const name of named) expect(cli).toContain(`.command("${name}")`);
  });
});
