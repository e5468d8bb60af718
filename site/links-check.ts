/**
 * Follows every link of the built site to the site itself, places on pages among them, and fails the build where one leads
 * nowhere. Links to other hosts are not followed: a build needs no network.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AstroIntegration } from "astro";

/** The folder of a site, the address at which it is published, and its folder there with a slash at its end. */
export interface PublishedSite {
  readonly folder: string;
  readonly site: string;
  readonly base: string;
}

/** Checks the links at the end of a build. */
export function linkCheck(): AstroIntegration {
  let published = { site: "", base: "" };
  return {
    name: "ptlab-links",
    hooks: {
      "astro:config:done": ({ config: { site = "http://localhost", base } }) => {
        published = { site, base };
      },
      "astro:build:done": async ({ dir, logger }) => {
        const dead = await deadLinks({ ...published, folder: fileURLToPath(dir) });
        for (const line of dead) logger.error(line);
        if (dead.length > 0) throw new Error(`${dead.length} dead link${dead.length === 1 ? "" : "s"}`);
      },
    },
  };
}

/** One line for each link that leads nowhere: the file, the link as it stands there, and what is wrong with it. */
export async function deadLinks({ folder, site, base }: PublishedSite): Promise<readonly string[]> {
  const root = new URL(base, site);
  const files = new Set((await listFiles(folder)).sort());
  const texts = [...files].filter((name) => LINKS[extension(name)]);
  const pages = new Map(
    await Promise.all(
      texts.map(async (name) => [name, linksOf(name, await readFile(join(folder, name), "utf8"))] as const),
    ),
  );
  return [...pages].flatMap(([name, { links }]) =>
    [...links].flatMap((link) => {
      const reason = wrongWith(link, new URL(addressOf(name), root), { root, files, pages });
      return reason === undefined ? [] : [`${name}: ${link}: ${reason}`];
    }),
  );
}

async function listFiles(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "/").length));
}

interface Found {
  readonly links: ReadonlySet<string>;
  readonly ids: ReadonlySet<string>;
}

interface Built {
  readonly root: URL;
  readonly files: ReadonlySet<string>;
  readonly pages: ReadonlyMap<string, Found>;
}

/** What the page for missing pages calls itself; it is what a reader gets there. */
const MISSING = "404/";

function wrongWith(link: string, from: URL, { root, files, pages }: Built): string | undefined {
  const to = URL.parse(link, from);
  if (to === null) return "no address";
  if (to.origin !== root.origin) return undefined;
  if (!to.pathname.startsWith(root.pathname)) return `outside of ${root.pathname}`;
  const path = decoded(to.pathname.slice(root.pathname.length));
  const name = path === MISSING ? "404.html" : [path, join(path, "index.html")].find((one) => files.has(one));
  if (name === undefined) return "no such page or file";
  const place = decoded(to.hash.slice(1));
  if (place === "" || place === "top" || !name.endsWith(".html")) return undefined;
  return pages.get(name)!.ids.has(place) ? undefined : `${name} has no place '${place}'`;
}

/** What cannot be decoded stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const addressOf = (name: string): string => name.replace(/(^|\/)index\.html$/, "$1");
const extension = (name: string): string => name.split(".").at(-1)!;

/** Where links are, by the kind of a file. */
const LINKS: Readonly<Record<string, (text: string) => Found>> = {
  html: linksOfPage,
  xml: (text) => matches(text, /<(?:link|guid|loc)\b[^>]*>([^<]*)</g),
  txt: (text) => matches(text, /^Sitemap: (.*)$/gm),
  css: (text) => matches(text, /url\(["']?([^"')]*)["']?\)/g),
};

const linksOf = (name: string, text: string): Found => LINKS[extension(name)]!(text);

const matches = (text: string, pattern: RegExp): Found => ({
  links: new Set([...text.matchAll(pattern)].map((match) => unescaped(match[1]!.trim()))),
  ids: new Set(),
});

/** A script with its text, a comment, or a tag. Attributes may hold `>`. */
const TAG = /<script\b([^>]*)>[\s\S]*?<\/script>|<!--[\s\S]*?-->|<[a-z]((?:"[^"]*"|'[^']*'|[^>"'])*)>/gi;
const ATTRIBUTE = /\s(id|href|src|data-embed)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))/gi;

function linksOfPage(html: string): Found {
  const [links, ids] = [new Set<string>(), new Set<string>()];
  for (const [, script, tag = script] of html.matchAll(TAG))
    for (const [, name, ...values] of (tag ?? "").matchAll(ATTRIBUTE)) {
      const value = unescaped(values.find((one) => one !== undefined)!);
      (name!.toLowerCase() === "id" ? ids : links).add(value);
    }
  return { links, ids };
}

const unescaped = (text: string): string =>
  text
    .replace(/&(?:#(\d+)|#x([0-9a-f]+));/gi, (_, decimal, hex) => String.fromCodePoint(Number(decimal ?? `0x${hex}`)))
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
