// Live figures that have a page of their own: made with their defaults when the site is built, and shown as a notebook's are.
import { readFile } from "node:fs/promises";
import { Window } from "happy-dom";
import packageJson from "../package.json" with { type: "json" };
import { DISPLAY, type Host } from "../src/figure/figure.ts";
import { addressMapLive } from "../src/figure/live/address-map.ts";
import { walkLive } from "../src/figure/live/walk.ts";
import type { LiveFigure } from "../src/figure/live.ts";
import { sourceDigest } from "../src/notebook/digest.ts";
import { type NumberedFigure, storedFigure } from "../src/notebook/figures.ts";
import type { MimeBundle } from "../src/notebook/format.ts";
import { type RenderedFigure, renderFigure } from "../src/notebook/render/figure.ts";
import { embedAddress, pageAddress } from "./addresses.ts";

/** A live figure and the name of its page. */
export interface LoneFigure {
  readonly page: string;
  readonly title: string;
  readonly live: LiveFigure;
}

/** The page of a walk. */
export const walkPage: LoneFigure = { page: "walk", title: "The walk of an address", live: walkLive };

/** The page of the address-space map. */
export const mapPage: LoneFigure = { page: "map", title: "Address-space map", live: addressMapLive };

/** All of them. */
export const loneFigures: readonly LoneFigure[] = [walkPage, mapPage];

const made = new Map<string, Promise<NumberedFigure>>();

/** The figure as a notebook would store it; made once a build. */
export function foundLone({ page, live }: LoneFigure): Promise<NumberedFigure> {
  const known = made.get(page) ?? make(live);
  made.set(page, known);
  return known;
}

async function make(live: LiveFigure): Promise<NumberedFigure> {
  const files = live
    .inputsFor({})
    .map(async (name) => [name, new Uint8Array(await readFile(`notebooks/data/${name}`))]);
  const drawn = await live.make({}, Object.fromEntries(await Promise.all(files)));
  const host: Host = {
    document: new Window().document as unknown as Document,
    build: { version: packageJson.version, source: await sourceDigest(".") },
  };
  const bundle = (await drawn[DISPLAY](host)) as MimeBundle;
  return { number: 1, stored: storedFigure(bundle)!, bundle };
}

/** The figure with its controls, and its files; `base` is the site's. */
export async function renderLone(lone: LoneFigure, base: string): Promise<RenderedFigure> {
  const { number, stored, bundle } = await foundLone(lone);
  const address = pageAddress(base, lone.page);
  return renderFigure(stored, bundle, {
    number,
    address,
    embed: embedAddress(base, lone.page, number),
    live: lone.live,
  });
}
