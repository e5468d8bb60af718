// <ptlab-process>: takes a capture file or the name of a sample, and has the figures of the page show that process, one after
// the other. The file is read in the page's worker and goes nowhere else.
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import { give } from "../live/given.ts";

class ProcessElement extends HTMLElement {
  /** Counts what was chosen, so that an older choice gives way to a newer one. */
  #choice = 0;

  connectedCallback(): void {
    this.#form().addEventListener("submit", (event) => event.preventDefault());
    this.#form().reset();
    this.#input().addEventListener("change", () => this.#take(this.#input().files));
    this.#samples().addEventListener("change", () => this.#showAll(this.#samples().value, this.#samples().value));
    this.#stop().addEventListener("click", () => this.#cancel());
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
    give(OWN_CAPTURE.input, undefined);
  }

  /** Without this the browser would leave the page and open the file. */
  #over(event: DragEvent, isOver: boolean): void {
    event.preventDefault();
    this.toggleAttribute("data-over", isOver);
  }

  #take(files: FileList | null | undefined): void {
    if (!files || files.length === 0) return;
    if (files.length > 1) return this.#say(`${files.length} files were given: one at a time is allowed.`);
    give(OWN_CAPTURE.input, files[0]!);
    void this.#showAll(OWN_CAPTURE.choice, files[0]!.name);
  }

  async #showAll(choice: string, name: string): Promise<void> {
    const run = ++this.#choice;
    const figures = [...document.querySelectorAll<HTMLElement>('ptlab-figure[data-live^="process-"]')];
    this.#stop().disabled = false;
    const failed: string[] = [];
    for (const [i, figure] of figures.entries()) {
      this.#say(`${short(name)}: figure ${i + 1} of ${figures.length}`);
      const state = await shown(figure, choice);
      if (run !== this.#choice) return;
      // What the first figure cannot read, no other can.
      if (state !== "live" && i === 0) return this.#end(`${short(name)}: ${wordsOf(figure)}`);
      if (state !== "live") failed.push(`figure ${i + 1}`);
    }
    const rest = failed.length === 0 ? "" : ` But for ${failed.join(", ")}, which say why.`;
    this.#end(`${short(name)}: all figures show this process.${rest}`);
  }

  #cancel(): void {
    this.#choice++;
    const running = document.querySelector('ptlab-figure[data-state="running"]');
    running?.querySelector<HTMLButtonElement>('[data-action="cancel"]')?.click();
    this.#end("Stopped. Figures that come later show the process from before.");
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

/** Has a figure show a process; in time, the state that it ends in. */
function shown(figure: HTMLElement, choice: string): Promise<string> {
  const menu = figure.querySelector<HTMLSelectElement>('select[name="capture"]')!;
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
  return text.replace("This could not be computed: ", "").replace(`${OWN_CAPTURE.input}: `, "");
}

const short = (name: string): string => (name.length <= 60 ? name : `${name.slice(0, 60)}…`);

customElements.define("ptlab-process", ProcessElement);
