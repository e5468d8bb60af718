/**
 * Renders the pages that are not written in `content/docs/`: those of notebooks, and the list of references.
 */
import type { LoaderContext } from "astro/loaders";
import { liveFigures } from "../src/figure/live/index.ts";
import type { Notebook } from "../src/notebook/format.ts";
import { type Markdown, type Page, type Prose, renderPage } from "../src/notebook/render/page.ts";
import { embedAddress, notebookAddress } from "./addresses.ts";
import type { FullBook } from "./prose/book.ts";
import { PageProse } from "./prose/page.ts";
import { referencesPage } from "./prose/references-page.ts";
import { parseHtml, toHtml } from "./prose/tree.ts";

/** The page of a notebook; `name` is its file name without extension. */
export function renderNotebook(
  name: string,
  nb: Notebook,
  book: FullBook,
  renderMarkdown: LoaderContext["renderMarkdown"],
): Promise<Page> {
  return renderPage(name, nb, {
    address: notebookAddress(book.base, name),
    embed: (number) => embedAddress(book.base, name, number),
    markdown: async (text) => {
      const { html, metadata } = await renderMarkdown(text);
      return { html, headings: metadata?.headings ?? [] };
    },
    live: (id) => liveFigures.find((live) => live.id === id),
    prose: proseOf(new PageProse(book, `notebooks/${name}`)),
  });
}

/** A notebook's cells are rendered one by one; what counts through the page counts through them. */
const proseOf = (prose: PageProse): Prose => ({
  piece(html) {
    const tree = parseHtml(html);
    prose.apply(tree);
    return toHtml(...tree.children);
  },
  end: () => withHeadings(toHtml(...prose.end())),
});

/** The content of the page of all references. */
export const renderReferences = (book: FullBook): Markdown => withHeadings(toHtml(...referencesPage(book)));

/** HTML that was made here, with the headings in it. */
function withHeadings(html: string): Markdown {
  const headings = [...html.matchAll(/<h2 id="([^"]+)">([^<]+)<\/h2>/g)];
  return { html, headings: headings.map(([, slug, text]) => ({ depth: 2, slug: slug!, text: text! })) };
}
