/**
 * Loads the site's pages: Starlight's own loader for Markdown files, and beside it each notebook of `notebooks/` as a
 * page `notebooks/NAME` with its outputs as they are stored.
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { docsLoader } from "@astrojs/starlight/loaders";
import type { Loader, LoaderContext } from "astro/loaders";
import { dataFiles, listNotebooks, readNotebook } from "../src/notebook/file.ts";
import type { Notebook } from "../src/notebook/format.ts";
import { isFresh, type Surroundings, surroundings } from "../src/notebook/fresh.ts";
import { loadApi } from "./api/load.ts";
import { type FullBook, readBook } from "./prose/book.ts";
import { renderingDigest } from "./rendering.ts";

/** Entries that come from outside Starlight's own folder. */
const ID = /^(notebooks\/|api(\/|$)|data$|changelog$|references$)/;

const DATA_README = "notebooks/data/README.md";
const CHANGELOG = "CHANGELOG.md";

/** The loader of the collection `docs`: all pages that are text or a notebook. */
export function docsAndNotebooks(): Loader {
  return {
    name: "ptlab-docs-and-notebooks",
    async load(context) {
      const root = fileURLToPath(context.config.root);
      const { base } = context.config;
      const [book, rendering] = await Promise.all([readBook(root, base), renderingDigest(root)]);
      const key = context.generateDigest({ rendering, base, book: book.digest });
      // A page is kept while its own text is the same, here as by Starlight's loader.
      if (context.meta.get("rendering") !== key) context.store.clear();
      context.meta.set("rendering", key);
      // Starlight's loader takes entries that are not its own for leftovers and removes them.
      const store = { ...context.store, keys: () => context.store.keys().filter((key) => !ID.test(key)) };
      await docsLoader().load({ ...context, store });
      await loadNotebooks(context, book);
      await loadApi(context);
      await loadDataPage(context);
      await loadChangelog(context);
      await loadReferences(context, book);
      watch(context, book);
    },
  };
}

const folder = (context: LoaderContext): string => join(fileURLToPath(context.config.root), "notebooks");

async function loadNotebooks(context: LoaderContext, book: FullBook): Promise<void> {
  const root = fileURLToPath(context.config.root);
  const around = await surroundings(root);
  const names = await listNotebooks(folder(context));
  for (const name of names) await loadNotebook(name, around, book, context);
  const ids = new Set(names.map(idOf));
  for (const key of context.store.keys()) if (key.startsWith("notebooks/") && !ids.has(key)) context.store.delete(key);
}

const idOf = (file: string): string => `notebooks/${basename(file, ".ipynb")}`;

async function loadNotebook(file: string, around: Surroundings, book: FullBook, context: LoaderContext): Promise<void> {
  const { store, generateDigest, parseData } = context;
  const path = join(folder(context), file);
  const nb = await readNotebook(path, `notebooks/${file}`);
  const fresh = await isFresh(nb, folder(context), around);
  const digest = generateDigest({ fresh, text: await readFile(path, "utf8") });
  const id = idOf(file);
  if (store.get(id)?.digest === digest) return;
  // It imports every live figure, which a build in which no notebook has changed does without.
  const { renderNotebook } = await import("./render-pages.ts");
  const page = await renderNotebook(basename(file, ".ipynb"), nb, book, context.renderMarkdown);
  const { title, description } = page;
  const data = await parseData({ id, data: { title, description, published: publishedOf(nb) } });
  const html = fresh ? page.html : `${STALE}${page.html}`;
  const rendered = { html, metadata: { headings: [...page.headings] } };
  store.set({ id, data, digest, rendered, filePath: `notebooks/${file}` });
}

/** What a page says whose outputs did not come from the present sources, data and recordings. */
const STALE =
  '<p class="ptlab-stale not-content" role="note"><strong>These outputs are old, or there are none yet.</strong> Sources, data or recordings have changed since this notebook was run: <code>npx ptlab run</code> runs it again.</p>';

/** The day of a notebook's metadata, where editors and converters keep it. */
const publishedOf = ({ metadata: { date } }: Notebook): string | undefined =>
  typeof date === "string" && /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : undefined;

/** The note of origin that lies beside the data files is their page, with the files to download. */
async function loadDataPage(context: LoaderContext): Promise<void> {
  const files = await dataFiles(join(folder(context), "data"));
  const links = files.map((name) => `- [${name}](${context.config.base}data/${name})`);
  await loadFile(context, "data", DATA_README, { title: "Data", end: `## Files\n\n${links.join("\n")}` });
}

const loadChangelog = (context: LoaderContext): Promise<void> =>
  loadFile(context, "changelog", CHANGELOG, { title: "Changelog", end: "" });

async function loadReferences({ store, parseData }: LoaderContext, book: FullBook): Promise<void> {
  const { digest } = book;
  if (store.get("references")?.digest === digest) return;
  const { renderReferences } = await import("./render-pages.ts");
  const { html, headings } = renderReferences(book);
  const data = await parseData({ id: "references", data: { title: "References", description: REFERENCES_SAY } });
  const rendered = { html, metadata: { headings: [...headings] } };
  store.set({ id: "references", data, rendered, digest, filePath: "site/references.json" });
}

const REFERENCES_SAY = "Kernel sources, threads, manuals and papers that these pages rest on, and where each is cited.";

/** A Markdown file from elsewhere in the project as a page; `title` if it has none. */
async function loadFile(
  context: LoaderContext,
  id: string,
  filePath: string,
  { title, end }: { title: string; end: string },
): Promise<void> {
  const { store, parseData, generateDigest } = context;
  const text = await readFile(join(fileURLToPath(context.config.root), filePath), "utf8").catch(() => undefined);
  if (text === undefined) return store.delete(id);
  const digest = generateDigest({ text, end });
  if (store.get(id)?.digest === digest) return;
  const [heading, body] = splitHeading(text, title);
  const rendered = await context.renderMarkdown(`${body}\n\n${end}\n`);
  const data = await parseData({ id, data: { title: heading } });
  store.set({ id, data, rendered, digest, filePath });
}

function splitHeading(text: string, otherwise: string): [title: string, body: string] {
  const match = /^# (.+)\n/.exec(text);
  return match ? [match[1]!.trim(), text.slice(match[0].length)] : [otherwise, text];
}

/** In development, a notebook saved in Jupyter shows at once. */
function watch(context: LoaderContext, book: FullBook): void {
  const { watcher } = context;
  if (!watcher) return;
  watcher.add(folder(context));
  const reload = (path: string) => {
    if (path.endsWith(".ipynb")) loadNotebooks(context, book).catch((error) => context.logger.error(String(error)));
  };
  for (const event of ["add", "change", "unlink"]) watcher.on(event, reload);
}
