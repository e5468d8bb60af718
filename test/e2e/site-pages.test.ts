/** The files of the built site: what every page says of itself, and that none of them needs another host. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Window } from "happy-dom";
import { describe, expect, test } from "vitest";
import { ROOT } from "./site-browser.ts";

const isBuilt = existsSync(`${ROOT}dist/index.html`);
const files = isBuilt ? (readdirSync(`${ROOT}dist`, { recursive: true }) as string[]) : [];
const read = (name: string): string => readFileSync(`${ROOT}dist/${name}`, "utf8");
const pages = files.filter((name) => name.endsWith(".html"));
const documents = pages.filter((name) => !name.startsWith("embed/"));

/** The head of a page and its headings, which are all that is asked for here: whole pages take seconds to parse. */
function parsed(name: string) {
  const html = read(name);
  const { document } = new Window({ settings: { disableJavaScriptFileLoading: true, disableCSSFileLoading: true } });
  const head = /<head>([\s\S]*?)<\/head>/.exec(html)![1]!;
  document.head.innerHTML = head.replace(/<(script|style)\b[\s\S]*?<\/\1>/g, "");
  const content = (selector: string, attribute: string) =>
    [...document.head.querySelectorAll(selector)].map((found) => found.getAttribute(attribute));
  return { title: document.head.querySelector("title")?.textContent, content, headings: html.match(/<h1[\s>]/g) };
}

describe.skipIf(!isBuilt)("the built pages", () => {
  test("have one h1, a title that no other has, a description of its own length, and one canonical address", () => {
    const titles = new Map<string, string>();
    for (const name of documents) {
      const { title, content, headings } = parsed(name);
      expect(headings, name).toHaveLength(1);
      expect(titles.get(title!), `${name}: ${title}`).toBeUndefined();
      titles.set(title!, name);
      const [description, ...more] = content('meta[name="description"]', "content");
      expect(more, name).toEqual([]);
      expect(description?.length, `${name}: ${description}`).toBeGreaterThan(15);
      expect(description?.length, `${name}: ${description}`).toBeLessThan(260);
      expect(content('link[rel="canonical"]', "href"), name).toHaveLength(1);
      expect(content('meta[property="og:title"]', "content"), name).toHaveLength(1);
      expect(content('meta[property="og:image"]', "content"), name).toEqual([]);
    }
  });

  test("load nothing from another host", () => {
    const own = new URL(parsed("index.html").content('link[rel="canonical"]', "href")[0]!).origin;
    const foreign = (address: string) => /^(https?:)?\/\//.test(address) && !address.startsWith(own);
    for (const name of pages) {
      const loaded = [
        ...read(name).matchAll(
          /<(script|link|img|iframe|source|video|audio|object|embed|image|use)\b[^>]*?\s(?:src|href|data)="([^"]*)"/g,
        ),
      ];
      expect(loaded.map(([, , address]) => address!).filter(foreign), name).toEqual([]);
    }
    for (const name of files.filter((name) => name.endsWith(".css")))
      expect(
        [...read(name).matchAll(/(?:url\(|@import)\s*["']?([^"')]*)/g)].map((match) => match[1]!).filter(foreign),
        name,
      ).toEqual([]);
    const asks =
      /(?:fetch|import|importScripts|new Worker|new WebSocket|new EventSource|sendBeacon)\(\s*["'`]((?:https?|wss?):[^"'`]*)/g;
    for (const name of files.filter((name) => name.endsWith(".js")))
      expect(
        [...read(name).matchAll(asks)].map((match) => match[1]!),
        name,
      ).toEqual([]);
  });
});
