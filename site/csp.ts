/**
 * Puts a Content-Security-Policy into every built page: everything from the site itself, no other host, no eval, and of
 * scripts written inside a page only those that the theme puts there. Astro's own policy does not know the theme's.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AstroIntegration } from "astro";

/** Pages that show notebooks say nothing about what is allowed: their content may come from elsewhere. */
const SHOWS_FOREIGN = /^(notebooks|embed)\//;

/** Writes one policy into all pages once they are built, because it names the scripts that the theme wrote inside them. */
export function contentSecurityPolicy(): AstroIntegration {
  return {
    name: "ptlab-content-security-policy",
    hooks: {
      "astro:build:done": async ({ dir }) => {
        const folder = fileURLToPath(dir);
        const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".html"));
        const pages = await Promise.all(
          names.map(async (name) => ({ name, html: await readFile(join(folder, name), "utf8") })),
        );
        const trusted = pages.filter(({ name }) => !SHOWS_FOREIGN.test(name));
        const meta = metaElement(policy(trusted.flatMap(({ html }) => inlineScripts(html))));
        await Promise.all(
          pages.map(({ name, html }) => writeFile(join(folder, name), html.replace("<head>", `<head>${meta}`))),
        );
      },
    },
  };
}

/** The policy that allows these inline scripts. Exported for the tests. */
export function policy(scripts: readonly string[]): string {
  const hashes = new Set(scripts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`));
  return [
    "default-src 'self'",
    // The search index is WebAssembly, compiled in the page.
    `script-src 'self' 'wasm-unsafe-eval' ${[...hashes].sort().join(" ")}`,
    // Highlighted code and plots carry their colours in style attributes.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** The scripts that stand in a page itself, as the browser will hash them. */
export function inlineScripts(html: string): readonly string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]!);
}

const metaElement = (content: string): string =>
  `<meta http-equiv="content-security-policy" content="${content.replaceAll('"', "&quot;")}">`;
