// Footnotes of a page: each piece of Markdown numbers its own from 1; a page numbers all of them once, and shows them at its end.
import type { Element, ElementContent, Parents, Root } from "hast";
import { element, elements, hasClass } from "./tree.ts";

/** The notes of one page, in the order in which its text comes to them. */
export class Notes {
  readonly items: Element[] = [];

  /** Takes the notes out of a piece, and has what refers to them say the numbers of the page. */
  take(piece: Root): readonly Element[] {
    const bodies = new Map(
      lists(piece)
        .flatMap(listItems)
        .map((item) => [item.properties.id, item]),
    );
    const taken = new Map<string, Element>();
    for (const mark of elements(piece, isMark)) {
      const name = String(mark.properties.href).slice(1);
      const body = bodies.get(name);
      if (body === undefined) continue;
      const note = taken.get(name) ?? this.#add(body);
      taken.set(name, note);
      refer(mark, note);
    }
    remove(piece, isList);
    return [...taken.values()];
  }

  #add(body: Element): Element {
    const note = element("li", { id: `note-${this.items.length + 1}` }, ...body.children);
    remove(note, (child) => child.type === "element" && "dataFootnoteBackref" in child.properties);
    this.items.push(note);
    return note;
  }
}

/** The sign in the text, and in the note the way back to it. */
function refer(mark: Element, note: Element): void {
  const id = String(note.properties.id);
  const backs = elements(note, (child) => hasClass(child, "ptlab-back")).length;
  const back = `${id}-from-${backs + 1}`;
  mark.properties = { href: `#${id}`, id: back, className: ["ptlab-note"], dataTip: id };
  mark.children = [{ type: "text", value: id.slice("note-".length) }];
  const last = note.children.findLast((child): child is Element => child.type === "element" && child.tagName === "p");
  (last ?? note).children.push(
    { type: "text", value: " " },
    element(
      "a",
      { href: `#${back}`, className: ["ptlab-back"], ariaLabel: `Back to where note ${id.slice(5)} is used` },
      "↩",
    ),
  );
}

const isMark = (node: Element): boolean => "dataFootnoteRef" in node.properties;

const isList = (node: ElementContent): boolean => hasClass(node, "footnotes");

const lists = (piece: Root): readonly Element[] => elements(piece, isList);

const listItems = (list: Element): readonly Element[] => elements(list, ({ tagName }) => tagName === "li");

function remove(parent: Parents, unwanted: (node: ElementContent) => boolean): void {
  parent.children = (parent.children as ElementContent[]).filter((child) => !unwanted(child));
  for (const child of parent.children) if ("children" in child) remove(child, unwanted);
}
