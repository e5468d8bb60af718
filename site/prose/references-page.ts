// The page of all references: by kind, each with the pages that cite it.
import type { Element, RootContent } from "hast";
import type { FullBook } from "./book.ts";
import { describe } from "./page.ts";
import { addressOf } from "./places.ts";
import { KINDS, type Kind, type Reference } from "./references.ts";
import { element } from "./tree.ts";

/** The content of the page: an introduction, then a section for each kind of source. */
export function referencesPage(book: FullBook): RootContent[] {
  const intro =
    "What these pages say of kernels, processors and measurements rests on the following. Each page lists what it cites at its end. A title in quotation marks is a subject line; other threads are described.";
  return [element("p", {}, intro), ...(Object.keys(KINDS) as Kind[]).flatMap((kind) => section(kind, book))];
}

function section(kind: Kind, book: FullBook): RootContent[] {
  const items = [...book.references.values()].filter((one) => one.kind === kind).map((one) => item(one, book));
  if (items.length === 0) return [];
  return [element("h2", { id: kind }, KINDS[kind]), element("ul", { className: ["ptlab-references"] }, ...items)];
}

function item(one: Reference, { sources, base }: FullBook): Element {
  const citing = sources.filter(({ cites }) => cites.has(one.id));
  const links = citing.flatMap(({ page, title }) => [
    ", ",
    element("a", { href: addressOf({ page, anchor: `source-${one.id}` }, base) }, title),
  ]);
  const by =
    links.length === 0 ? [] : [element("span", { className: ["ptlab-by"] }, " Cited by ", ...links.slice(1), ".")];
  return element("li", { id: one.id }, ...describe(one), ...by);
}
