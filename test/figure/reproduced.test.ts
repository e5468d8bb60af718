import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { liveFigure, liveFigures } from "../../src/figure/live/index.ts";
import { inputContent, type LiveFigure, type LiveParams } from "../../src/figure/live.ts";
import { readRecipe } from "../../src/figure/recipe.ts";
import { toSvg } from "../../src/figure/render.ts";
import { testHost } from "./samples.ts";

const host = testHost();
const data = new URL("../../notebooks/data/", import.meta.url);

async function drawn(live: LiveFigure, params: LiveParams, width: number): Promise<string> {
  const files = live.inputsFor(params).map((name) => [name, inputContent(name, readFileSync(new URL(name, data)))]);
  return toSvg(await live.make(params, Object.fromEntries(files)), host, { width });
}

test.each(liveFigures.map(({ id }) => id))(
  "the picture of %s holds all that makes it again, to the byte",
  async (id) => {
    const svg = await drawn(liveFigure(id), {}, 500);
    const { live, width } = readRecipe(svg);
    expect(Object.keys(live!.inputs).sort()).toEqual([...liveFigure(id).inputsFor({})].sort());
    expect(await drawn(liveFigure(live!.id), live!.params, width)).toBe(svg);
  },
);
