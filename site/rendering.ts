/**
 * What decides over how a page is rendered, besides its own text. Pages are kept between builds, and one that was rendered
 * in another way would look, and would tell its outputs apart, as the scripts beside it no longer do.
 */
import { digestPaths } from "../src/notebook/digest.ts";

/** All that the settings of the build and the loader import, by folders where that is simpler, and the versions of packages. */
export const RENDERING = [
  ...["astro.config.mjs", "package.json", "package-lock.json", "src"],
  ...["api", "prose", "types", "cells/node/plugin.ts"].map((name) => `site/${name}`),
  ...["addresses", "csp", "highlighting", "kept", "links-check"].map((name) => `site/${name}.ts`),
  ...["loader", "render-pages", "rendering", "scrolling"].map((name) => `site/${name}.ts`),
] as const;

/** Equal values mean that equal texts give equal pages. */
export const renderingDigest = (root: string): Promise<string> => digestPaths(root, RENDERING);
