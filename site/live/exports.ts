// <ptlab-exports>: what a reader can take away from a figure. Of a live figure it is always what is shown.
import type { FigureFiles } from "../../src/figure/exports.ts";
import { attributes } from "../../src/notebook/render/html.ts";
import { figuresIn, short } from "./address.ts";
import { copy, save } from "./save.ts";

const MIME: FigureFiles = { svg: "image/svg+xml", csv: "text/csv", txt: "text/plain" };
type Kind = keyof FigureFiles;

/** What was computed here, to take away instead of the stored figure. */
export interface Exported {
  readonly files: FigureFiles;
  /** The query of an address that computes it again; undefined where the values are too long for one. */
  readonly query: string | undefined;
}

/** Room in a frame for the line that says where an embedded figure comes from, in CSS pixels. */
const FOOT = 64;

/** The links and buttons below a figure. */
export class ExportsElement extends HTMLElement {
  readonly #stored = new Map<HTMLAnchorElement, string>();
  #live: Exported | undefined;

  connectedCallback(): void {
    for (const link of this.#links()) this.#stored.set(link, link.href);
    this.addEventListener("click", (event) => {
      const action = event.target instanceof HTMLElement ? event.target.dataset.action : undefined;
      if (action !== undefined) this.#act(action).catch((error) => this.say(`This failed: ${error}`));
    });
    const unanswered = this.#unanswered();
    if (unanswered !== undefined) this.say(unanswered);
  }

  disconnectedCallback(): void {
    this.offer(undefined);
  }

  /** Takes what was computed, or with undefined the stored figure, as what there is to take away. */
  offer(live: Exported | undefined): void {
    for (const link of this.#links()) {
      if (this.#live) URL.revokeObjectURL(link.href);
      const kind = link.dataset.file as Kind;
      link.href = live
        ? URL.createObjectURL(new Blob([live.files[kind]], { type: MIME[kind] }))
        : this.#stored.get(link)!;
    }
    this.#live = live;
    this.#fillSnippet();
  }

  /** One line about what was done. */
  say(message: string): void {
    this.querySelector(".ptlab-said")!.textContent = message;
  }

  /** What the address asks for and no live figure answers. What no figure answers at all, the first one says. */
  #unanswered(): string | undefined {
    const asked = figuresIn(location.search);
    if (asked.includes(this.#figure().id) && !this.closest("ptlab-figure")) return "This figure has no controls";
    const missing = asked.find((id) => document.getElementById(id) === null);
    if (missing === undefined || document.querySelector("ptlab-exports") !== this) return undefined;
    return `There is no ${short(missing)} here`;
  }

  async #act(action: string): Promise<void> {
    if (action === "png") return this.#savePng();
    if (action === "embed") return this.#toggleEmbed();
    if (action === "copy-text") return this.#copy(await this.#text("txt"), "Text table copied");
    if (action === "copy-snippet") return this.#copy(this.#snippet().value, "Snippet copied");
    if (this.#query() === undefined) return this.say("Too long for a link");
    return this.#copy(this.#address(this.#number().href), "Link copied");
  }

  async #copy(text: string, done: string): Promise<void> {
    this.say((await copy(text)) ? done : "Copying is not allowed here");
  }

  async #savePng(): Promise<void> {
    const { toPng } = await import("./png.ts");
    save(`${this.#figure().id}.png`, await toPng(await this.#text("svg")));
    this.say("PNG saved");
  }

  async #text(kind: Kind): Promise<string> {
    if (this.#live) return this.#live.files[kind];
    return (await fetch(this.#link(kind).href)).text();
  }

  #toggleEmbed(): void {
    const panel = this.#panel();
    panel.hidden = !panel.hidden;
    this.querySelector('[data-action="embed"]')!.setAttribute("aria-expanded", String(!panel.hidden));
    this.#fillSnippet();
    if (!panel.hidden) this.#snippet().select();
  }

  #fillSnippet(): void {
    const panel = this.#panel();
    if (panel.hidden) return;
    const figure = this.#figure();
    const frame = attributes({
      src: this.#address(this.dataset.embed!),
      title: `${this.#number().textContent}: ${figure.querySelector("figcaption strong")!.textContent}`,
      width: "100%",
      height: Math.ceil(figure.offsetHeight - panel.offsetHeight + FOOT),
      loading: "lazy",
      allow: "clipboard-write",
      style: "border:0",
    });
    this.#snippet().value = `<iframe${frame}></iframe>`;
  }

  /** A page with the figure, and in its query what is shown. */
  #address(page: string): string {
    const url = new URL(page, location.href);
    url.search = this.#query() ?? "";
    return url.href;
  }

  #query = (): string | undefined => (this.#live ? this.#live.query : "");
  #figure = (): HTMLElement => this.closest("figure")!;
  #number = (): HTMLAnchorElement => this.#figure().querySelector("a.ptlab-number")!;
  #panel = (): HTMLElement => this.querySelector(".ptlab-embed")!;
  #snippet = (): HTMLTextAreaElement => this.querySelector("textarea")!;
  #links = (): NodeListOf<HTMLAnchorElement> => this.querySelectorAll("[data-file]");
  #link = (kind: Kind): HTMLAnchorElement => this.querySelector(`[data-file="${kind}"]`)!;
}

customElements.define("ptlab-exports", ExportsElement);
