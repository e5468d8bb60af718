/** The check of links: what it follows, what it finds, and what it says of a dead one. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { deadLinks } from "../../site/links-check.ts";

const made: string[] = [];
afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true }))));

/** The dead links of a site with these files. */
async function dead(files: Readonly<Record<string, string>>, base = "/"): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-links-"));
  made.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return deadLinks({ folder, site: "https://pages.example", base });
}

test("links to pages, files and places that are there are not dead, however they are written", async () => {
  const links = [
    "/",
    "/a/",
    "/a",
    "../a/",
    "./x.svg",
    "#here",
    "/a/#%C3%A4-b",
    "/a/?size=4K#here",
    "#",
    "",
    "https://pages.example/a/#here",
    "https://elsewhere.example/none",
    "//elsewhere.example/none",
    "mailto:a@b.example",
    "data:image/png;base64,AA==",
  ];
  const page = `<p id=here><h2 id='ä-b'>${links.map((link) => `<a class="a>b" href="${link}">x</a>`).join("")}`;
  expect(await dead({ "index.html": "<p>", "a/index.html": page, "a/x.svg": "" })).toEqual([]);
});

test("each dead link is one line with its page, the link and the reason", async () => {
  const page = '<a href="/b/">b</a><img src="x.png"><a href="#none">c</a><svg><use href="#mark"/></svg><a href=/a/#no>';
  expect(await dead({ "a/index.html": page })).toEqual([
    "a/index.html: /b/: no such page or file",
    "a/index.html: x.png: no such page or file",
    "a/index.html: #none: a/index.html has no place 'none'",
    "a/index.html: #mark: a/index.html has no place 'mark'",
    "a/index.html: /a/#no: a/index.html has no place 'no'",
  ]);
});

test("what is shown as code, or stands in a script or a comment, is no link", async () => {
  const page = `<code>&lt;a href="/none/"></code><script>x = '<a href="/none/">'</script><!-- <a href="/none/"> -->`;
  expect(await dead({ "index.html": page })).toEqual([]);
});

test("the file of a script is one", async () => {
  expect(await dead({ "index.html": '<script type="module" src="/a.js"></script>' })).toEqual([
    "index.html: /a.js: no such page or file",
  ]);
});

test("a site in a folder of its host has no links that leave the folder", async () => {
  const page = '<a href="/x/a/#there">a</a><a href="/a/">b</a><a href="../../y/">c</a>';
  expect(await dead({ "index.html": "", "a/index.html": `<p id="there">${page}` }, "/x/")).toEqual([
    "a/index.html: /a/: outside of /x/",
    "a/index.html: ../../y/: outside of /x/",
  ]);
});

test("feed, sitemap, robots.txt, frames and style sheets are read as well", async () => {
  const files = {
    "rss.xml": "<link>https://pages.example/</link><guid>https://pages.example/gone/</guid>",
    "sitemap-0.xml": "<loc>https://pages.example/old/</loc>",
    "robots.txt": "Sitemap: https://pages.example/map.xml\n",
    "a.css": "a { background: url(b.woff2) }",
    "index.html": '<ptlab-exports data-embed="/embed/a/"></ptlab-exports>',
  };
  expect(await dead(files)).toEqual([
    "a.css: b.woff2: no such page or file",
    "index.html: /embed/a/: no such page or file",
    "robots.txt: https://pages.example/map.xml: no such page or file",
    "rss.xml: https://pages.example/gone/: no such page or file",
    "sitemap-0.xml: https://pages.example/old/: no such page or file",
  ]);
});
