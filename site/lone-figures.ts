// Live figures of pages that are no notebooks: made with their defaults when the site is built, and shown as a notebook's are.
import { readFile } from "node:fs/promises";
import packageJson from "../package.json" with { type: "json" };
import { DISPLAY } from "../src/figure/figure.ts";
import { addressMapLive } from "../src/figure/live/address-map.ts";
import { CAPTURE_PARAM } from "../src/figure/live/capture-input.ts";
import { liveFigure } from "../src/figure/live/index.ts";
import { walkLive } from "../src/figure/live/walk.ts";
import type { LiveFigure, LiveParams } from "../src/figure/live.ts";
import { sourceDigest } from "../src/notebook/digest.ts";
import { figureLabel, type NumberedFigure, storedFigure } from "../src/notebook/figures.ts";
import type { MimeBundle } from "../src/notebook/format.ts";
import type { PageFile } from "../src/notebook/render/exports.ts";
import { figureFiles, renderFigure } from "../src/notebook/render/figure.ts";
import { embedAddress, pageAddress } from "./addresses.ts";
import { type Digests, kept } from "./kept.ts";

/** A live figure, the name of its page, and its number there. */
export interface LoneFigure {
  readonly page: string;
  readonly number: number;
  readonly title: string;
  readonly live: LiveFigure;
  /** Values other than the defaults. */
  readonly params?: LiveParams;
}

/** The page of a walk. */
export const walkPage: LoneFigure = { page: "walk", number: 1, title: "The walk of an address", live: walkLive };

/** The page of the address-space map. */
export const mapPage: LoneFigure = { page: "map", number: 1, title: "Address-space map", live: addressMapLive };

/** What the page of a process shows, in its order. */
export const processFigures: readonly LoneFigure[] = [
  "process-content",
  addressMapLive.id,
  "process-coverage",
  "process-policies",
  "process-layouts",
  "process-tables",
  "process-walks",
  "process-designs",
].map((id, i) => ({
  ...{ page: "process", number: i + 1, title: "Your own process", live: liveFigure(id) },
  params: { capture: CAPTURE_PARAM.default },
}));

/** All of them. */
export const loneFigures: readonly LoneFigure[] = [walkPage, mapPage, ...processFigures];

const made = new Map<LoneFigure, Promise<NumberedFigure>>();

/** The figure as a notebook would store it; made once a build. */
export function foundLone(lone: LoneFigure): Promise<NumberedFigure> {
  const known = made.get(lone) ?? make(lone);
  made.set(lone, known);
  return known;
}

/** What decides over how they are drawn. */
export const LONE_INPUTS = [
  ...["src", "notebooks/data", "package.json", "package-lock.json"],
  ...["addresses", "host", "kept", "lone-figures"].map((name) => `site/${name}.ts`),
] as const;

const digests: Digests = new Map();

/** Kept from build to build, because some are counted for half a second. */
async function make(lone: LoneFigure): Promise<NumberedFigure> {
  const name = `lone/${lone.page}-${lone.number}.json`;
  const drawn = { name, inputs: LONE_INPUTS, make: async () => JSON.stringify(await draw(lone)) };
  const bundle: MimeBundle = JSON.parse(await kept(drawn, digests));
  const stored = storedFigure(bundle)!;
  return { number: lone.number, label: figureLabel(stored.data), stored, bundle };
}

async function draw({ live, params = {} }: LoneFigure): Promise<MimeBundle> {
  const files = live
    .inputsFor(params)
    .map(async (name) => [name, new Uint8Array(await readFile(`notebooks/data/${name}`))]);
  const drawn = await live.make(params, Object.fromEntries(await Promise.all(files)));
  const { hostOf } = await import("./host.ts");
  const host = hostOf({ version: packageJson.version, source: await sourceDigest(".") });
  return (await drawn[DISPLAY](host)) as MimeBundle;
}

/** The figure with its controls. */
export async function loneHtml(lone: LoneFigure): Promise<string> {
  const { number, label, stored, bundle } = await foundLone(lone);
  const base = import.meta.env.BASE_URL;
  const address = pageAddress(base, lone.page);
  const embed = embedAddress(base, lone.page, number);
  return renderFigure(stored, bundle, { number, label, address, embed, live: lone.live }).html;
}

/** The files that its page offers. */
export async function loneFiles(lone: LoneFigure): Promise<readonly PageFile[]> {
  const { number, stored, bundle } = await foundLone(lone);
  return figureFiles(`figure-${number}`, stored.data, bundle);
}
