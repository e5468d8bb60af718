/**
 * A tree of elements that prints the same bytes in Node and in every browser, as XML that also reads as HTML.
 * The DOM's own serialisers differ in escapes and in the closing of empty elements.
 */

/** An element, or text. */
export type Xml = Element | string;

/** An element with its attributes in printing order. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Xml[];
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element; undefined attributes are left out. */
export function el(name: string, attributes: Attributes = {}, children: readonly Xml[] = []): Element {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return { name, attributes: Object.fromEntries(given.map(([k, v]) => [k, String(v)])), children };
}

/** The tree of a DOM element. Comments are dropped. */
export function fromDom(node: globalThis.Element): Element {
  const attributes = Object.fromEntries([...node.attributes].map((a) => [a.name, a.value]));
  const children: Xml[] = [];
  for (const child of node.childNodes) {
    if (child.nodeType === 1) children.push(fromDom(child as globalThis.Element));
    else if (child.nodeType === 3) children.push(child.textContent ?? "");
  }
  return { name: node.localName, attributes, children };
}

/** A tree as elements of an SVG document: {@link fromDom} the other way. */
export function toDom({ name, attributes, children }: Element, document: Document): SVGElement {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.map((child) => (typeof child === "string" ? child : toDom(child, document))));
  return node;
}

/** Every element of a tree, the root first, in document order. */
export function* elements(root: Element): Generator<Element> {
  yield root;
  for (const child of root.children) if (typeof child !== "string") yield* elements(child);
}

/** The text inside an element, one part for each piece of text. */
export function texts(root: Element): string[] {
  return root.children.flatMap((child) => (typeof child === "string" ? [child] : texts(child)));
}

/** A copy with the attributes of every element rewritten; without those that become undefined. */
export function mapAttributes(root: Element, change: (name: string, value: string) => string | undefined): Element {
  const attributes = Object.fromEntries(Object.entries(root.attributes).map(([k, v]) => [k, change(k, v)]));
  const children = root.children.map((child) => (typeof child === "string" ? child : mapAttributes(child, change)));
  return el(root.name, attributes, children);
}

/** The tree as text. A line break stands between elements where no text is, so that versions can be compared by line. */
export function print(root: Element): string {
  const attributes = Object.entries(root.attributes).map(([k, v]) => ` ${k}="${escapeAttribute(v)}"`);
  const open = `<${root.name}${attributes.join("")}`;
  if (root.children.length === 0) return SELF_CLOSING.has(root.name) ? `${open}/>` : `${open}></${root.name}>`;
  const gap = root.children.some((child) => typeof child === "string") || INLINE.has(root.name) ? "" : "\n";
  const inner = root.children.map((child) => (typeof child === "string" ? escapeText(child) : print(child)));
  return `${open}>${gap}${inner.join(gap)}${gap}</${root.name}>`;
}

const SELF_CLOSING = new Set([
  "circle",
  "ellipse",
  "line",
  "path",
  "polygon",
  "polyline",
  "rect",
  "use",
  "image",
  "col",
]);

/** Elements in which white space shows. */
const INLINE = new Set(["text", "tspan"]);

/** Text for element content. Control characters that XML forbids become the replacement character. */
export function escapeText(text: string): string {
  return legal(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** What {@link escapeText} did, undone. No other entity is expanded. */
export const unescapeText = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', "&quot;").replaceAll("\n", "&#10;").replaceAll("\t", "&#9;");
}

/** Text of the characters that XML 1.0 (section 2.2) allows, with one kind of line break. */
function legal(text: string): string {
  const lines = text.toWellFormed().replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  return lines.replace(/[^\P{Cc}\t\n]|[\ufffe\uffff]/gu, "\ufffd");
}
