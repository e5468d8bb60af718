// The map's first look, made when the site is built, as a page shows it and as the files that the page offers.
import { readFile } from "node:fs/promises";
import { Window } from "happy-dom";
import packageJson from "../../package.json" with { type: "json" };
import { DISPLAY, type Host } from "../../src/figure/figure.ts";
import { addressMapLive as live } from "../../src/figure/live/address-map.ts";
import { sourceDigest } from "../../src/notebook/digest.ts";
import { type NumberedFigure, storedFigure } from "../../src/notebook/figures.ts";
import type { MimeBundle } from "../../src/notebook/format.ts";
import { type RenderedFigure, renderFigure } from "../../src/notebook/render/figure.ts";
import { embedAddress, mapAddress } from "../addresses.ts";

/** Title of the map's page. */
export const MAP_TITLE = "Address-space map";

let found: Promise<NumberedFigure> | undefined;

/** The figure as a notebook would store it; made once a build. */
export function foundMap(): Promise<NumberedFigure> {
  found ??= make();
  return found;
}

async function make(): Promise<NumberedFigure> {
  const read = live.inputsFor({}).map(async (name) => [name, new Uint8Array(await readFile(`notebooks/data/${name}`))]);
  const made = await live.make({}, Object.fromEntries(await Promise.all(read)));
  const host: Host = {
    document: new Window().document as unknown as Document,
    build: { version: packageJson.version, source: await sourceDigest(".") },
  };
  const bundle = (await made[DISPLAY](host)) as MimeBundle;
  return { number: 1, stored: storedFigure(bundle)!, bundle };
}

/** The figure with its controls, and its files; `base` is the site's. */
export async function renderMap(base: string): Promise<RenderedFigure> {
  const { number, stored, bundle } = await foundMap();
  const place = { number, address: mapAddress(base), embed: embedAddress(base, "map", number), live };
  return renderFigure(stored, bundle, place);
}
