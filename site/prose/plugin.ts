// The Markdown plugin that completes the prose of the pages in `site/content/docs`. Notebooks come through their loader,
// which knows a page where Markdown knows a cell.
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Root } from "hast";
import type { HastPluginEntry } from "satteri";
import { DOCS, docsPage, readBook } from "./book.ts";
import { type Book, PageProse } from "./page.ts";

/** `root` is the project's folder, `base` the folder in which the site is published. */
export function prosePlugin(root: string, base: string): HastPluginEntry {
  let reading: Promise<Book> | undefined;
  const book = (): Promise<Book> => {
    reading ??= readBook(root, base);
    return reading;
  };
  return ({ fileURL }) => {
    const path = fileURL ? fileURLToPath(fileURL) : "";
    const page = dirname(path) === join(root, DOCS) ? docsPage(basename(path)) : undefined;
    if (page === undefined) return undefined;
    return {
      name: "ptlab-prose",
      async after(given, context) {
        const prose = new PageProse(await book(), page);
        // The plugin's own nodes are read-only views into another memory.
        const tree: Root = JSON.parse(JSON.stringify(given));
        prose.apply(tree);
        tree.children.push(...prose.end());
        context.replaceNode(given, tree);
      },
    };
  };
}
