import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { satteri } from "@astrojs/markdown-satteri";
import sitemap from "@astrojs/sitemap";
import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";
import packageJson from "./package.json" with { type: "json" };
import { nodeInWorkers } from "./site/cells/node/plugin.ts";
import { contentSecurityPolicy } from "./site/csp.ts";
import { untilTheEnd } from "./site/highlighting.ts";
import { linkCheck } from "./site/links-check.ts";
import { blockEquations } from "./site/prose/math.ts";
import { prosePlugin } from "./site/prose/plugin.ts";
import { codeTakesFocus, tablesTakeFocus } from "./site/scrolling.ts";
import { typeFiles } from "./site/types/integration.ts";
import { sourceDigest } from "./src/notebook/digest.ts";
import { listNotebooks } from "./src/notebook/file.ts";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const build = { version: packageJson.version, source: await sourceDigest(here(".")) };

/** The folder in which the site is published. Everything that makes an address relies on the slash at its end. */
const base = (process.env.PTLAB_BASE ?? "/").replace(/\/?$/, "/");
const feed = {
  rel: "alternate",
  type: "application/rss+xml",
  title: "ptlab",
  href: `${base}rss.xml`,
};

const notebooks = (await listNotebooks(here("notebooks"))).map((name) => `notebooks/${basename(name, ".ipynb")}`);

export default defineConfig({
  srcDir: "./site",
  publicDir: "./site/public",
  // Where the site is published, for the links of feed and sitemap, which must be absolute; and its folder there.
  site: process.env.PTLAB_SITE ?? "http://127.0.0.1:4321",
  base,
  vite: {
    resolve: {
      alias: [
        { find: "ptlab", replacement: here("src/index.ts") },
        { find: /^@pagefind\/default-ui$/, replacement: here("site/search.ts") },
      ],
    },
    define: { __PTLAB_BUILD__: JSON.stringify(build) },
    plugins: [nodeInWorkers()],
    // Names and texts of functions are part of what cells show, so that nothing is renamed where cells run.
    worker: { format: "es", plugins: () => [nodeInWorkers()], rolldownOptions: { output: { minify: false } } },
    // No script stands in a page itself but the theme's that must run before it is drawn: notebook pages allow no other.
    build: { assetsInlineLimit: (file) => (file.endsWith(".js") ? false : undefined) },
  },
  markdown: {
    processor: satteri({
      features: { math: true },
      hastPlugins: [blockEquations, prosePlugin(here("."), base), tablesTakeFocus],
    }),
  },
  integrations: [
    // Pages to embed are no pages of their own.
    sitemap({ filter: (page) => !page.includes("/embed/") }),
    starlight({
      title: "ptlab",
      description: "A laboratory for page-table designs, held against real Linux kernels.",
      customCss: ["ptlab", "exports", "room", "walk", "types", "cells", "prose", "print", "api"].map(
        (name) => `./site/styles/${name}.css`,
      ),
      components: { MarkdownContent: "./site/components/MarkdownContent.astro" },
      expressiveCode: {
        themes: ["github-dark", "github-light"],
        plugins: [codeTakesFocus],
        shiki: { transformers: [untilTheEnd] },
        // A first line such as `// src/walk.ts` is part of the code, not a title to take out of it.
        frames: { extractFileNameFromCode: false },
      },
      sidebar: [
        { label: "Start", items: ["start", "glossary"] },
        { label: "Notebooks", items: notebooks },
        {
          label: "Tools in the page",
          items: [
            { label: "The walk of an address", slug: "walk" },
            { label: "Address-space map", slug: "map" },
            { label: "Your own process", slug: "process" },
          ],
        },
        {
          label: "How to",
          items: ["figures", "cells", "types", "jupyter-install", "jupyter-display", "traces", "oracle", "writing"],
        },
        { label: "How it works", items: ["fresh", "hardware", "how-fast", "jupyter", "decisions", "review-2018"] },
        { label: "Reference", items: ["commands", "data", "references", "changelog"] },
        { label: "API", collapsed: true, items: [{ autogenerate: { directory: "api", collapsed: true } }] },
      ],
      head: [{ tag: "link", attrs: feed }],
      credits: false,
    }),
    contentSecurityPolicy(),
    typeFiles(),
    linkCheck(),
  ],
});
