/**
 * The part of a document that Plot draws with, for a worker, which has none. What is drawn is read back as a tree and printed
 * by the library's own printer, so that elements that hold attributes and children are all that is needed.
 */

/** A document that can make elements of SVG and nothing else. */
export function plotDocument(): Document {
  const document = {
    createElementNS: (uri: string, name: string) => new PlotElement(name, uri, document),
    createElement: (name: string) => new PlotElement(name, HTML, document),
    createTextNode: (text: string) => new PlotText(text, document),
    documentElement: undefined as PlotElement | undefined,
  };
  document.documentElement = document.createElement("html");
  return document as unknown as Document;
}

const HTML = "http://www.w3.org/1999/xhtml";

/** What may stand in an element. */
class PlotNode {
  readonly ownerDocument: unknown;
  parentNode: PlotElement | null = null;

  constructor(owner: unknown) {
    this.ownerDocument = owner;
  }

  remove(): void {
    this.parentNode?.removeChild(this);
  }
}

class PlotText extends PlotNode {
  readonly nodeType = 3;
  readonly textContent: string;

  constructor(text: string, owner: unknown) {
    super(owner);
    this.textContent = text;
  }
}

class PlotElement extends PlotNode {
  readonly nodeType = 1;
  readonly localName: string;
  readonly tagName: string;
  readonly namespaceURI: string;
  readonly childNodes: PlotNode[] = [];
  readonly style = styleOf(this);
  readonly #attributes = new Map<string, string>();

  constructor(name: string, uri: string, owner: unknown) {
    super(owner);
    this.localName = name;
    this.tagName = name;
    this.namespaceURI = uri;
  }

  get attributes(): { name: string; value: string }[] {
    return [...this.#attributes].map(([name, value]) => ({ name, value }));
  }

  getAttribute(name: string): string | null {
    return this.#attributes.get(name) ?? null;
  }

  hasAttribute(name: string): boolean {
    return this.#attributes.has(name);
  }

  setAttribute(name: string, value: unknown): void {
    this.#attributes.set(name, String(value));
  }

  setAttributeNS(_uri: string, name: string, value: unknown): void {
    this.setAttribute(name, value);
  }

  removeAttribute(name: string): void {
    this.#attributes.delete(name);
  }

  get children(): PlotElement[] {
    return this.childNodes.filter((child) => child instanceof PlotElement);
  }

  get firstChild(): PlotNode | null {
    return this.childNodes[0] ?? null;
  }

  get textContent(): string {
    return this.childNodes.map((child) => (child as PlotText | PlotElement).textContent).join("");
  }

  set textContent(text: string) {
    this.childNodes.length = 0;
    if (text !== "") this.appendChild(new PlotText(text, this.ownerDocument));
  }

  appendChild<T extends PlotNode>(child: T): T {
    return this.insertBefore(child);
  }

  append(...children: (PlotNode | string)[]): void {
    for (const child of children)
      this.appendChild(typeof child === "string" ? new PlotText(child, this.ownerDocument) : child);
  }

  insertBefore<T extends PlotNode>(child: T, next?: PlotNode | null): T {
    child.remove();
    child.parentNode = this;
    const at = next ? this.childNodes.indexOf(next) : this.childNodes.length;
    this.childNodes.splice(at, 0, child);
    return child;
  }

  removeChild<T extends PlotNode>(child: T): T {
    this.childNodes.splice(this.childNodes.indexOf(child), 1);
    child.parentNode = null;
    return child;
  }
}

/** The part of an element's style by which d3 writes single properties. */
function styleOf(element: PlotElement) {
  const properties = new Map<string, string>();
  const write = () =>
    element.setAttribute("style", [...properties].map(([name, value]) => `${name}: ${value};`).join(" "));
  return {
    setProperty(name: string, value: string): void {
      properties.set(name, value);
      write();
    },
    removeProperty(name: string): void {
      if (properties.delete(name)) write();
    },
  };
}
