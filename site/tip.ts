// The small window that explains the word which a reader points at. It never takes the focus, stays while the pointer is
// in it, and goes with Escape.

/** How long it stays when the pointer has left its word, in milliseconds: time to move into it. */
const GRACE_MS = 250;

/** One such window; a page shows one at a time of each kind. */
export class Tip {
  readonly element: HTMLElement;
  #anchor: HTMLElement | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string) {
    this.element = Object.assign(document.createElement("div"), { id, className: "ptlab-tip" });
    this.element.role = "tooltip";
    this.element.popover = "manual";
    this.element.addEventListener("pointerenter", () => clearTimeout(this.#leaving));
    this.element.addEventListener("pointerleave", () => this.leave());
    document.addEventListener("scroll", () => this.#place(), { passive: true, capture: true });
    document.addEventListener("keydown", ({ key }) => key === "Escape" && this.hide());
  }

  /** The word that it explains at present. */
  get anchor(): HTMLElement | undefined {
    return this.#anchor;
  }

  /** True if the event happened in it. */
  holds(target: EventTarget | null): boolean {
    return this.element.contains(target as Node | null);
  }

  /** Explains that word; `content` makes what it says. */
  show(anchor: HTMLElement, content: () => readonly Node[]): void {
    clearTimeout(this.#leaving);
    if (anchor === this.#anchor) return;
    this.hide();
    this.#anchor = anchor;
    if (!this.element.isConnected) document.querySelector("main")!.append(this.element);
    this.element.replaceChildren(...content());
    anchor.setAttribute("aria-describedby", this.element.id);
    this.element.showPopover();
    this.#place();
  }

  /** Hides it in a while, unless the pointer comes to it. */
  leave(): void {
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => this.hide(), GRACE_MS);
  }

  hide(): void {
    this.#anchor?.removeAttribute("aria-describedby");
    this.#anchor = undefined;
    if (this.element.isConnected) this.element.hidePopover();
  }

  /** Below its word, or above where there is no room, and inside of the window. */
  #place(): void {
    if (this.#anchor === undefined) return;
    const [at, own] = [this.#anchor.getBoundingClientRect(), this.element.getBoundingClientRect()];
    const below = at.bottom + own.height < innerHeight;
    this.element.style.top = `${below ? at.bottom : at.top - own.height}px`;
    this.element.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 8))}px`;
  }
}
