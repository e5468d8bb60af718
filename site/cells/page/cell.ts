/**
 * One cell of a page: its code, its editor when there is one, its outputs, and what is said of it.
 */
import type { NbOutput } from "../../../src/notebook/format.ts";
import type { Editor } from "./editor.ts";
import { replaceOutputs, type StoredOutputs, showOutputs, storedOutputs } from "./outputs.ts";

/** What the bar of a cell offers. */
export type Action = "edit" | "run" | "stop" | "reset";

/** A code cell on a page: its element, its code, its controls and its outputs. */
export class PageCell {
  readonly element: HTMLElement;
  /** Counts from 0. */
  readonly index: number;
  readonly storedCode: string;
  readonly #storedOutputs: StoredOutputs;
  code: string;
  /** The code of this cell and of all above it that made the outputs which are shown. */
  madeBy: readonly string[] = [];
  /** The code that ran in the present worker and that no cell above was run after. */
  ran: string | undefined;
  editor: Editor | undefined;

  /** `pristine` is the same cell of the page as it was served. */
  constructor(element: HTMLElement, pristine: Element, index: number, storedCode: string) {
    this.element = element;
    this.index = index;
    this.storedCode = storedCode;
    this.code = storedCode;
    this.#storedOutputs = storedOutputs(pristine.querySelector(".ptlab-outputs")!);
  }

  /** True if all is as it is stored. */
  async show(outputs: readonly NbOutput[]): Promise<boolean> {
    return showOutputs(this.#part(".ptlab-outputs"), outputs, this.#storedOutputs);
  }

  showStored(): void {
    const stored = this.#storedOutputs.elements.map(({ html }) => html);
    replaceOutputs(this.#part(".ptlab-outputs"), stored.join(""));
    delete this.#part(".ptlab-outputs").dataset.shown;
  }

  /** Makes room for an editor in the place of the code. */
  editorPlace(): HTMLElement {
    const place = document.createElement("div");
    place.className = "ptlab-editor not-content";
    this.#part(".ptlab-code").after(place);
    this.#part(".ptlab-code").hidden = true;
    return place;
  }

  closeEditor(): void {
    this.editor?.element.parentElement?.remove();
    this.editor = undefined;
    this.#part(".ptlab-code").hidden = false;
    this.button("edit").hidden = false;
  }

  say(text: string): void {
    this.#part(".ptlab-cell-status").textContent = text;
  }

  setRunning(isRunning: boolean): void {
    this.button("stop").hidden = !isRunning;
    this.element.toggleAttribute("data-running", isRunning);
  }

  /** The outputs came from other code than what is shown here and above. */
  setStale(isStale: boolean): void {
    this.element.toggleAttribute("data-stale", isStale);
    const mark = this.element.querySelector(".ptlab-stale-mark");
    if (!isStale) mark?.remove();
    else if (mark === null) this.#part(".ptlab-outputs").before(staleMark());
  }

  button = (action: Action): HTMLButtonElement => this.element.querySelector(`[data-cell="${action}"]`)!;
  #part = (selector: string): HTMLElement => this.element.querySelector<HTMLElement>(selector)!;
}

function staleMark(): HTMLElement {
  const mark = document.createElement("p");
  mark.className = "ptlab-stale-mark not-content";
  mark.textContent = "Not yet run with the code as it is now: what follows came from older code.";
  return mark;
}
