// The map's first look, made when the site is built, as a page shows it and as the files that the page offers.
import { readFile } from "node:fs/promises";
import { Window } from "happy-dom";
import packageJson from "../../package.json" with { type: "json" };
import { DISPLAY, type Host } from "../../src/figure/figure.ts";
import { addressMapLive as live } from "../../src/figure/live/address-map.ts";
import { sourceDigest } from "../../src/notebook/digest.ts";
import { storedFigure } from "../../src/notebook/figures.ts";
import type { MimeBundle } from "../../src/notebook/format.ts";
import { type RenderedFigure, renderFigure } from "../../src/notebook/render/figure.ts";

let rendered: Promise<RenderedFigure> | undefined;

/** The figure with its controls; `base` is the site's. Made once a build. */
export function mapFigure(base: string): Promise<RenderedFigure> {
  rendered ??= render(base);
  return rendered;
}

async function render(base: string): Promise<RenderedFigure> {
  const names = live.inputsFor({});
  const read = names.map(async (name) => [name, new Uint8Array(await readFile(`notebooks/data/${name}`))]);
  const made = await live.make({}, Object.fromEntries(await Promise.all(read)));
  const host: Host = {
    document: new Window().document as unknown as Document,
    build: { version: packageJson.version, source: await sourceDigest(".") },
  };
  const bundle = (await made[DISPLAY](host)) as MimeBundle;
  return renderFigure(storedFigure(bundle)!, bundle, { number: 1, address: `${base}map/`, live });
}
