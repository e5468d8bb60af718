// Types of the names in a page's code, when a reader points at one, taps it, or comes to it by keyboard. The list of them
// is fetched at the first of these. Each block of code is one stop of the Tab key; arrow keys go from name to name.
import { Tip } from "../tip.ts";
import { HOVERS } from "./files.ts";
import type { HoverBlock, HoverList, HoverText } from "./hovers.ts";

const NAME = ".ptlab-name";

const tip = new Tip("ptlab-type");

let texts: readonly HoverText[] = [];
let loading: Promise<void> | undefined;

const load = (): Promise<void> => (loading ??= begin());

async function begin(): Promise<void> {
  const response = await fetch(`${location.pathname.replace(/\/?$/, "/")}${HOVERS}`);
  if (!response.ok) return;
  const list: HoverList = await response.json();
  texts = list.texts;
  const cells = document.querySelectorAll("[data-code-cell]");
  for (const [i, block] of list.blocks.entries()) nameAll(cells[i]?.querySelector("pre > code"), block);
}

/** Puts an element around each name of a block, unless the page shows other lines than were looked at. */
function nameAll(code: Element | null | undefined, [count, ...places]: HoverBlock): void {
  const lines = code?.querySelectorAll(".ec-line .code") ?? [];
  if (lines.length !== count) return;
  // From the last one on: an element around a name leaves the text before it as it is.
  for (let i = places.length - 4; i >= 0; i -= 4) {
    const [line, column, length, text] = places.slice(i) as [number, number, number, number];
    nameOne(lines[line - 1]!, column - 1, length, text);
  }
  const first = code!.querySelector<HTMLElement>(NAME);
  if (first) makeStop(first);
}

/** The one name of its block that the Tab key comes to. The others are plain text to a screen reader, which reads code. */
function makeStop(name: HTMLElement): void {
  name.tabIndex = 0;
  name.role = "button";
}

function nameOne(line: Element, start: number, length: number, text: number): void {
  const nodes = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  let offset = start;
  for (let node = nodes.nextNode() as Text | null; node; node = nodes.nextNode() as Text | null) {
    if (offset + length <= node.length) {
      const name = Object.assign(document.createElement("span"), { className: NAME.slice(1) });
      name.dataset.text = String(text);
      const found = node.splitText(offset);
      found.splitText(length);
      found.replaceWith(name);
      name.append(found);
      return;
    }
    offset -= node.length;
    if (offset < 0) return;
  }
}

const show = (name: HTMLElement): void => tip.show(name, () => content(texts[Number(name.dataset.text)]!));

/** What a tip shows. The texts come from code that may be anyone's: they are text and never HTML. */
function content([type, says, address]: HoverText): Node[] {
  const nodes: Node[] = [Object.assign(document.createElement("code"), { textContent: type })];
  const paragraph = (...inside: (Node | string)[]) => {
    const made = document.createElement("p");
    made.append(...inside);
    nodes.push(made);
  };
  if (says !== "") paragraph(says);
  if (address !== undefined) paragraph(apiLink(address));
  return nodes;
}

const apiLink = (address: string): HTMLElement =>
  Object.assign(document.createElement("a"), {
    href: import.meta.env.BASE_URL + address,
    textContent: "API reference",
  });

const nameOf = (target: EventTarget | null): HTMLElement | undefined =>
  (target as Element | null)?.closest?.<HTMLElement>(NAME) ?? undefined;

/** By mouse at once, by finger when it is lifted. The first time, names come to be while the pointer is there. */
async function point({ target, clientX, clientY }: MouseEvent): Promise<void> {
  if (!(target as Element).closest?.(".ptlab-cell pre")) return;
  await load();
  const name = nameOf(document.elementFromPoint(clientX, clientY));
  if (name) show(name);
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch") point(event);
});
document.addEventListener("click", (event) => {
  if (!tip.holds(event.target) && !nameOf(event.target)) tip.hide();
  point(event);
});
document.addEventListener("pointerout", ({ target, pointerType }) => {
  const name = nameOf(target);
  if (pointerType !== "touch" && name && name === tip.anchor && name !== document.activeElement) tip.leave();
});

document.addEventListener("focusin", ({ target }) => {
  load();
  const name = nameOf(target);
  if (name) show(name);
});
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (nameOf(target) && !tip.holds(relatedTarget)) tip.hide();
});

document.addEventListener("keydown", (event) => {
  const name = nameOf(event.target);
  const isPress = event.key === "Enter" || event.key === " ";
  const next = name && (isPress ? name : neighbour(name, event.key));
  if (!next) return;
  event.preventDefault();
  for (const attribute of ["tabindex", "role"]) name.removeAttribute(attribute);
  makeStop(next);
  next.focus();
  show(next);
});

function neighbour(name: HTMLElement, key: string): HTMLElement | undefined {
  const names = [...name.closest("pre")!.querySelectorAll<HTMLElement>(NAME)];
  const at = names.indexOf(name);
  const lineOf = (other: HTMLElement) => other.closest(".ec-line");
  const isOther = (other: HTMLElement) => lineOf(other) !== lineOf(name);
  if (key === "ArrowRight") return names[at + 1];
  if (key === "ArrowLeft") return names[at - 1];
  if (key === "ArrowDown") return names.slice(at).find(isOther);
  if (key === "ArrowUp") return names.slice(0, at).findLast(isOther);
  if (key === "Home") return names[0];
  if (key === "End") return names.at(-1);
  return undefined;
}
