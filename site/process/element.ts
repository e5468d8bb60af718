// <ptlab-process>: takes a capture file or the name of a sample, and has the figures of the page show that process, one after
// the other. The file is read in the page's worker and goes nowhere else.
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import { short } from "../live/address.ts";
import { give, giveAgain } from "../live/given.ts";
import type { GivenFile } from "../live/messages.ts";

class ProcessElement extends HTMLElement {
  /** Counts what was chosen, so that an older choice gives way to a newer one. */
  #choice = 0;
  /** The figure that is made to show the choice. */
  #present: HTMLElement | undefined;
  /** The file that is the reader's own. */
  #read: GivenFile | undefined;
  /** Takes a choice back that has not been read yet. */
  #undo: (() => void) | undefined;

  connectedCallback(): void {
    this.#form().addEventListener("submit", (event) => event.preventDefault());
    this.#form().reset();
    // A file that was recorded anew under its name is no change to a browser that shows the name.
    this.#input().addEventListener("click", () => {
      this.#input().value = "";
    });
    this.#input().addEventListener("change", () => this.#take(this.#input().files));
    this.#samples().addEventListener("change", () => this.#showAll(this.#samples().value, this.#samples().value));
    this.#stop().addEventListener("click", () => this.#stopPresent());
    this.addEventListener("dragover", (event) => this.#over(event, true));
    this.addEventListener("dragleave", (event) => this.#over(event, false));
    this.addEventListener("drop", (event) => {
      this.#over(event, false);
      this.#take(event.dataTransfer?.files);
    });
    this.#input().disabled = this.#samples().disabled = false;
  }

  disconnectedCallback(): void {
    this.#choice++;
    giveAgain(undefined);
  }

  /** Without this the browser would leave the page and open the file. */
  #over(event: DragEvent, isOver: boolean): void {
    event.preventDefault();
    this.toggleAttribute("data-over", isOver);
  }

  #take(files: FileList | null | undefined): void {
    if (!files || files.length === 0) return;
    if (files.length > 1) return this.#say(`${files.length} files were given: one at a time is allowed.`);
    void this.#showAll(OWN_CAPTURE.choice, files[0]!.name, files[0]);
  }

  async #showAll(choice: string, name: string, file?: File): Promise<void> {
    const run = this.#begin(file);
    const figures = figuresOfProcess();
    const before = figures.map((figure) => menuOf(figure).value);
    const others: string[] = [];
    for (const [i, figure] of figures.entries()) {
      // The reader has chosen another process for it since.
      if (menuOf(figure).value !== before[i]) {
        others.push(`figure ${i + 1}, for which you chose another`);
        continue;
      }
      this.#present = figure;
      this.#say(`${short(name)}: figure ${i + 1} of ${figures.length}`);
      const state = await shown(figure, choice);
      if (run !== this.#choice) return;
      // What the first figure cannot read, no other can.
      if (i === 0 && state !== "live") this.#takeBack();
      if (state === "stopped") return this.#end("Stopped. Figures that come later show the process from before.");
      if (i === 0 && state !== "live") return this.#end(`${short(name)}: ${wordsOf(figure)}`);
      if (i === 0) this.#undo = undefined;
      if (state !== "live") others.push(`figure ${i + 1}, which says why`);
    }
    const but = others.length === 0 ? "" : `, but for ${others.join("; ")}`;
    this.#end(`${short(name)}: all figures show this process${but}.`);
  }

  /** Ends what is going on for another choice; returns the number of that choice. */
  #begin(file: File | undefined): number {
    this.#choice++;
    this.#stopPresent();
    this.#takeBack();
    const menu = menuOf(figuresOfProcess()[0]!);
    const [before, read] = [menu.value, this.#read];
    this.#undo = () => {
      menu.value = before;
      this.#read = read;
      giveAgain(read);
    };
    if (file) this.#read = give(file);
    this.#stop().disabled = false;
    return this.#choice;
  }

  #takeBack(): void {
    this.#undo?.();
    this.#undo = undefined;
  }

  #stopPresent(): void {
    this.#present?.querySelector<HTMLButtonElement>('[data-action="cancel"]')?.click();
  }

  #end(message: string): void {
    this.#stop().disabled = true;
    this.#say(message);
  }

  #say(message: string): void {
    this.querySelector('[role="status"]')!.textContent = message;
  }

  #form = (): HTMLFormElement => this.querySelector("form")!;
  #input = (): HTMLInputElement => this.querySelector('input[type="file"]')!;
  #samples = (): HTMLSelectElement => this.querySelector("select")!;
  #stop = (): HTMLButtonElement => this.querySelector("button")!;
}

const MENU = 'select[name="capture"]';

const figuresOfProcess = () => [...document.querySelectorAll<HTMLElement>(`ptlab-figure:has(${MENU})`)];

const menuOf = (figure: HTMLElement): HTMLSelectElement => figure.querySelector<HTMLSelectElement>(MENU)!;

/** Has a figure show a process; in time, the state that it ends in. */
function shown(figure: HTMLElement, choice: string): Promise<string> {
  const menu = menuOf(figure);
  menu.value = choice;
  const { promise, resolve } = Promise.withResolvers<string>();
  const watch = new MutationObserver(() => {
    const state = figure.dataset.state ?? "";
    if (state === "running") return;
    watch.disconnect();
    resolve(state);
  });
  watch.observe(figure, { attributeFilter: ["data-state"] });
  menu.dispatchEvent(new Event("input", { bubbles: true }));
  return promise;
}

/** Why a figure shows nothing new, without the words that a figure puts before it and the name by which it knows the file. */
function wordsOf(figure: HTMLElement): string {
  const text = figure.querySelector(".ptlab-status")?.textContent?.trim() ?? "";
  return text.replace(new RegExp(`^This could not be computed: (${OWN_CAPTURE.input}: )?`), "");
}

customElements.define("ptlab-process", ProcessElement);
