// The prose of one page as the site shows it: words of the glossary marked, figures referred to by number, sources cited,
// equations drawn, notes collected. A page comes in one piece or, from a notebook, in several, in reading order.
import type { Element, ElementContent, Parents, Root, RootContent, Text } from "hast";
import { UserError } from "../../src/base/errors.ts";
import { equationOf } from "./math.ts";
import { Notes } from "./notes.ts";
import { addressOf, type Place, placeOf } from "./places.ts";
import { aroundTitle, type Reference } from "./references.ts";
import { type Term, termFinder } from "./terms.ts";
import { element, elements, textOf } from "./tree.ts";

/** A figure that other text can name. */
export interface Label {
  readonly number: number;
  readonly title: string;
}

/** What all pages share. */
export interface Book {
  /** The folder in which the site is published. */
  readonly base: string;
  readonly terms: readonly Term[];
  readonly references: ReadonlyMap<string, Reference>;
  /** The figures of each page by their anchors. */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, Label>>;
}

/** Pages on which no word is marked: the glossary itself, lists, and those about tools, which use the same words for other things. */
const UNMARKED = new Set(
  "glossary references changelog decisions cells types jupyter jupyter-display jupyter-install".split(" "),
);

/** Text in these is a name or a sample, or is a link already. */
const NO_TERMS = new Set("a button code h1 h2 h3 h4 h5 h6 kbd pre samp summary th".split(" "));

/** These are no prose at all. */
const NO_PROSE = new Set("math script style svg template".split(" "));

/** Completes the pieces of one page in reading order, and gives at its end what it has collected. */
export class PageProse {
  readonly #book: Book;
  readonly #page: string;
  readonly #find: ReturnType<typeof termFinder>;
  readonly #notes = new Notes();
  readonly #sources: Reference[] = [];
  readonly #tips = new Map<string, readonly (ElementContent | string)[]>();
  /** Words that this section has had. */
  readonly #marked = new Set<Term>();

  /** `page` is its path without slashes around it. */
  constructor(book: Book, page: string) {
    this.#book = book;
    this.#page = page;
    this.#find = termFinder(UNMARKED.has(page) ? [] : book.terms);
  }

  /** Completes the next piece of the page, in place. */
  apply(piece: Root): void {
    const notes = this.#notes.take(piece);
    if (this.#page === "glossary") anchorTerms(piece, this.#book.terms);
    for (const part of [piece, ...notes]) this.#children(part, true);
  }

  /** What comes after the text: notes, sources, and the explanations that the reader can call up. */
  end(): RootContent[] {
    const notes = endList("notes", "Notes", this.#notes.items);
    const sources = endList(
      "sources",
      "Sources",
      this.#sources.map((source) => this.#sourceItem(source)),
    );
    const tips = [...this.#tips].map(([id, content]) =>
      element("p", { id, hidden: true, dataPagefindIgnore: "all" }, ...content),
    );
    return [...notes, ...sources, ...tips];
  }

  #children(parent: Parents, terms: boolean): void {
    parent.children = (parent.children as ElementContent[]).flatMap((child) => this.#node(child, terms));
  }

  #node(node: ElementContent, terms: boolean): ElementContent[] {
    if (node.type === "text") return terms ? this.#text(node) : [node];
    if (node.type !== "element") {
      if ("children" in node) this.#children(node, terms);
      return [node];
    }
    if (node.tagName === "h2") this.#marked.clear();
    const equation = this.#equation(node);
    if (equation) return [equation];
    if (node.tagName === "a") return [this.#link(node)];
    if (!NO_PROSE.has(node.tagName)) this.#children(node, terms && !NO_TERMS.has(node.tagName));
    return [node];
  }

  #equation(node: Element): ElementContent | undefined {
    try {
      return equationOf(node);
    } catch (error) {
      throw this.#mistake(`the equation '${textOf(node).trim()}' is not understood: ${(error as Error).message}`);
    }
  }

  /** The words that the section has not had yet become links to their definitions. */
  #text({ value }: Text): ElementContent[] {
    const pieces: ElementContent[] = [];
    let at = 0;
    for (const { start, end, term } of this.#find(value)) {
      if (this.#marked.has(term)) continue;
      this.#marked.add(term);
      pieces.push({ type: "text", value: value.slice(at, start) }, this.#term(value.slice(start, end), term));
      at = end;
    }
    return [...pieces, { type: "text", value: value.slice(at) }];
  }

  #term(word: string, { id, names, definition }: Term): Element {
    this.#tips.set(`tip-${id}`, [element("strong", {}, names.join(", ")), ` ${definition}`]);
    const href = addressOf({ page: "glossary", anchor: id }, this.#book.base);
    return element("a", { href, className: ["ptlab-term"], dataTip: `tip-${id}` }, word);
  }

  #link(link: Element): Element {
    const place = placeOf(String(link.properties.href ?? ""), this.#page, this.#book.base);
    if (place?.page === "references" && place.anchor !== "") return this.#citation(link, place.anchor);
    if (place?.anchor.startsWith("fig-")) return this.#figure(link, place);
    return link;
  }

  #citation(link: Element, id: string): Element {
    const source = this.#book.references.get(id);
    if (source === undefined) throw this.#mistake(`no source '${id}' in site/references.json`);
    if (!this.#sources.includes(source)) this.#sources.push(source);
    const number = element("sup", {}, `[${this.#sources.indexOf(source) + 1}]`);
    const properties = { href: `#source-${id}`, className: ["ptlab-cite"], dataTip: `source-${id}` };
    return element("a", properties, ...link.children, number);
  }

  #sourceItem(source: Reference): Element {
    const all = addressOf({ page: "references", anchor: source.id }, this.#book.base);
    const says = { className: ["ptlab-back"], ariaLabel: `Pages that cite it: ${source.title}` };
    const back = element("a", { href: all, ...says }, "Pages that cite it");
    return element("li", { id: `source-${source.id}` }, ...describe(source), " ", back);
  }

  /** "the reach" becomes "the reach (Figure 4)"; an empty text, and the word Figure, become the number alone. */
  #figure(link: Element, place: Place): Element {
    const label = this.#book.labels.get(place.page)?.get(place.anchor);
    if (label === undefined) throw this.#mistake(`no figure '${place.anchor}' on the page '${place.page}'`);
    const name = `Figure ${label.number}`;
    const id = `tip-${place.page === this.#page ? "" : `${place.page.replaceAll("/", "-")}-`}${place.anchor}`;
    this.#tips.set(id, [element("strong", {}, name), ` ${label.title}`]);
    const href = place.page === this.#page ? `#${place.anchor}` : addressOf(place, this.#book.base);
    const properties = { href, className: ["ptlab-ref"], dataTip: id };
    if (/^(figure)?$/i.test(textOf(link).trim())) return element("a", properties, name);
    return element("a", properties, ...link.children, ` (${name})`);
  }

  #mistake(what: string): UserError {
    return new UserError(`page '${this.#page}': ${what}`);
  }
}

/** A source as its item in a list begins. */
export function describe(source: Reference): (ElementContent | string)[] {
  const { before, after } = aroundTitle(source);
  const title = source.url ? element("a", { href: source.url }, source.title) : source.title;
  return [before, element("cite", {}, title), `${after}.`];
}

function endList(name: string, title: string, items: readonly Element[]): RootContent[] {
  if (items.length === 0) return [];
  const heading = element("h2", { id: `page-${name}` }, title);
  return [
    element(
      "section",
      { className: ["ptlab-end"], ariaLabelledBy: [`page-${name}`] },
      heading,
      element("ol", {}, ...items),
    ),
  ];
}

/** Gives the glossary's own items the anchors that words elsewhere lead to. */
function anchorTerms(piece: Root, terms: readonly Term[]): void {
  const left = [...terms];
  for (const item of elements(piece, ({ tagName }) => tagName === "li")) {
    const words = textOf(item).split(":")[0]!.trim();
    const at = left.findIndex(({ names }) => names.join(", ") === words);
    if (at >= 0) item.properties.id = left.splice(at, 1)[0]!.id;
  }
}
