// <ptlab-walk>: steps through a drawn walk, by buttons and keys, and changes the address by its slots. The picture tells all: its
// steps are groups whose titles say what happens, so that nothing is computed until a slot is changed.
import { giveText } from "../live/form.ts";
import { type SlotRow, slotInputs, wordItems } from "./bar.ts";

/** How long a step stays while playing, in milliseconds: a sentence is read in that time. */
const STEP_MS = 2600;

class WalkElement extends HTMLElement {
  /** The step that is shown last; undefined where all are. */
  #step: number | undefined;
  #playing: ReturnType<typeof setInterval> | undefined;

  connectedCallback(): void {
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    for (const button of this.querySelectorAll<HTMLButtonElement>("[data-walk]")) button.disabled = false;
    this.#button("play").hidden = still.matches;
    still.addEventListener("change", () => {
      this.#pause();
      this.#button("play").hidden = still.matches;
    });
    this.addEventListener("click", (event) => this.#clicked(event.target as Element));
    this.#bar().addEventListener("keydown", (event) => this.#key(event));
    this.#slots().addEventListener("input", (event) => this.#choose(event.target as HTMLInputElement));
    const drawn = new MutationObserver(() => this.#arrived());
    drawn.observe(this.querySelector(".ptlab-wide")!, { childList: true });
  }

  disconnectedCallback(): void {
    this.#pause();
  }

  #clicked(target: Element): void {
    const action = target.closest<HTMLElement>("[data-walk]")?.dataset.walk;
    if (action === "back") this.#go((this.#step ?? this.#count()) - 1);
    if (action === "on") this.#go((this.#step ?? -1) + 1);
    if (action === "all") this.#go(this.#count());
    if (action === "play") this.#playing === undefined ? this.#play() : this.#pause();
    const slot = target.closest(".ptlab-slot")?.getAttribute("class");
    const [, level, index] = /ptlab-level-(\d+) ptlab-index-(\d+)/.exec(slot ?? "") ?? [];
    if (level !== undefined) this.#chooseAt(Number(level), Number(index));
  }

  #key(event: KeyboardEvent): void {
    // In a slot the arrow keys change its number.
    if (event.target instanceof HTMLInputElement) return;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.#pause();
    this.#go((this.#step ?? (by > 0 ? -1 : this.#count())) + by);
  }

  #play(): void {
    this.#button("play").textContent = "Pause";
    if (this.#step === undefined) this.#show(0);
    this.#playing = setInterval(() => {
      this.#show((this.#step ?? -1) + 1);
      if (this.#step === undefined) this.#pause();
    }, STEP_MS);
  }

  #pause(): void {
    clearInterval(this.#playing);
    this.#playing = undefined;
    this.#button("play").textContent = "Play";
  }

  #go(step: number): void {
    this.#pause();
    this.#show(step);
  }

  /** Shows the steps up to one; beyond the last, and before the first, all of them. */
  #show(step: number): void {
    const count = this.#count();
    this.#step = step < 0 || step >= count ? undefined : step;
    for (const picture of this.querySelectorAll(".ptlab-picture"))
      for (const [i, group] of picture.querySelectorAll(".ptlab-step").entries()) {
        group.classList.toggle("ptlab-later", this.#step !== undefined && i > this.#step);
        group.classList.toggle("ptlab-now", i === this.#step);
      }
    for (const [i, item] of this.querySelectorAll(".ptlab-walk-list li").entries())
      item.toggleAttribute("data-now", i === this.#step);
    this.#words().textContent =
      this.#step === undefined
        ? "The whole walk is shown."
        : `Step ${this.#step + 1} of ${count}. ${this.#sentences()[this.#step]}`;
  }

  /** Another walk has been drawn. */
  #arrived(): void {
    const rows = this.#rows();
    const focused = [...this.#slots().querySelectorAll("input")].indexOf(document.activeElement as HTMLInputElement);
    this.#slots().innerHTML = slotInputs(rows);
    this.#slots().querySelectorAll("input")[focused]?.focus();
    this.querySelector(".ptlab-walk-list")!.innerHTML = wordItems(this.#sentences());
    if (this.#step !== undefined) this.#show(this.#step);
  }

  #chooseAt(level: number, index: number): void {
    const row = this.#tableRows().findIndex((cells) => cells[0] === String(level));
    const input = this.#slots().querySelectorAll("input")[row];
    if (!input) return;
    input.value = String(index);
    this.#choose(input);
  }

  /** Puts the number of a slot into the address, and has the walk made again. */
  #choose(input: HTMLInputElement): void {
    if (input.value === "" || !input.checkValidity()) return;
    const [high, low] = [Number(input.dataset.high), Number(input.dataset.low)];
    const mask = ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
    const address = (this.#address() & ~mask) | (BigInt(input.value) << BigInt(low));
    const control = this.querySelector<HTMLTextAreaElement>('[name="address"]')!;
    giveText(control, `0x${address.toString(16)}`);
  }

  /** The address that is walked, which may be less than what was written. */
  #address = (): bigint => BigInt(/0x[0-9a-f]+/.exec(this.querySelector("figcaption strong")!.textContent!)![0]);

  #tableRows = (): string[][] =>
    [...this.querySelectorAll(".ptlab-data tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent!));

  #rows = (): SlotRow[] => this.#tableRows().map(([, slot, bits]) => ({ slot: slot!, bits: bits! }));

  #sentences = (): string[] =>
    [...this.querySelectorAll(".ptlab-wide .ptlab-step > title")].map((title) => title.textContent!);

  #count = (): number => this.querySelectorAll(".ptlab-wide .ptlab-step").length;
  #bar = (): HTMLElement => this.querySelector(".ptlab-walk-bar")!;
  #slots = (): HTMLElement => this.querySelector(".ptlab-walk-slots")!;
  #words = (): HTMLElement => this.querySelector(".ptlab-walk-words")!;
  #button = (action: string): HTMLButtonElement => this.querySelector(`[data-walk="${action}"]`)!;
}

customElements.define("ptlab-walk", WalkElement);
