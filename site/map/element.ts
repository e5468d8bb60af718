// <ptlab-map>: an address-space map that can be zoomed. It stands around a live figure and only moves that figure's own control.
import { ALL } from "../../src/study/map/view.ts";
import { giveText } from "../live/form.ts";
import { armCells, focusCell, listen } from "./cells.ts";

class AddressMapElement extends HTMLElement {
  /** The cell to focus once the look that was asked for is there. */
  #focus: number | undefined;

  connectedCallback(): void {
    if (this.dataset.ready !== undefined) return;
    this.dataset.ready = "";
    listen(this, {
      enter: (index) => this.#go(this.#pathOf(index), 0),
      leave: () => this.#up(),
      name: (words) => {
        this.#part(".ptlab-map-cell").textContent = words;
      },
    });
    this.addEventListener("click", (event) => {
      const path = (event.target as HTMLElement).closest<HTMLElement>("[data-path]")?.dataset.path;
      if (path !== undefined) this.#go(path, 0);
    });
    this.addEventListener("input", (event) => this.#changed(event.target as HTMLElement), { capture: true });
    const drawn = new MutationObserver(() => this.#arrived());
    for (const picture of this.querySelectorAll(".ptlab-picture")) drawn.observe(picture, { childList: true });
    this.#arrived();
  }

  /** The path of the look that is shown: that of its first cell without its last number. */
  #path(): string {
    const first = this.#pathOf(0);
    return first.includes(".") ? first.slice(0, first.lastIndexOf(".")) : ALL;
  }

  /** The path of a cell stands in the data table, whose rows are the cells. */
  #pathOf(index: number): string {
    return this.querySelectorAll(".ptlab-data tbody tr")[index]?.firstElementChild?.textContent ?? ALL;
  }

  #up(): void {
    const path = this.#path();
    if (path === ALL) return;
    const [, up, last] = /^(?:(.*)\.)?(\d+)$/.exec(path)!;
    this.#go(up ?? ALL, Number(last) - 1);
  }

  #go(path: string, focus: number): void {
    this.#focus = focus;
    giveText(this.#at(), path);
  }

  /** Another process has other VMAs: it is looked at as a whole, before the figure reads its controls. */
  #changed(control: HTMLElement): void {
    if (control.getAttribute("name") === "capture") this.#at().value = ALL;
  }

  #at = (): HTMLTextAreaElement => this.querySelector<HTMLTextAreaElement>('[name="at"]')!;

  /** A new look has come into the page. */
  #arrived(): void {
    armCells(this);
    this.#showTrail();
    if (this.#focus === undefined) return;
    focusCell(this, this.#focus);
    this.#focus = undefined;
  }

  #showTrail(): void {
    const steps = this.#path() === ALL ? [] : this.#path().split(".");
    const paths = [ALL, ...steps.map((_, i) => steps.slice(0, i + 1).join("."))];
    const items = paths.map((path, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.path = path;
      button.textContent = i === 0 ? "all VMAs" : i === 1 ? `VMA ${steps[0]}` : `part ${steps[i - 1]}`;
      if (i === paths.length - 1) button.setAttribute("aria-current", "location");
      const item = document.createElement("li");
      item.append(button);
      return item;
    });
    this.#part(".ptlab-map-bar ol").replaceChildren(...items);
  }

  #part = (selector: string): HTMLElement => this.querySelector<HTMLElement>(selector)!;
}

customElements.define("ptlab-map", AddressMapElement);
