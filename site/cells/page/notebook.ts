/**
 * The cells of a page together: which have to run before another, what their outputs came from, the reader's edits.
 */
import { parseNotebook } from "../../../src/notebook/format.ts";
import { outputLog } from "../../../src/notebook/outputs.ts";
import { formatNotebook } from "../../../src/notebook/write.ts";
import { save } from "../../live/save.ts";
import { type Edits, keepEdits, keptEdits } from "../edits.ts";
import { PageCell } from "./cell.ts";
import { Runner } from "./runner.ts";
import { cellTypes } from "./types.ts";

/** Time between two looks at what a running cell has put out, in milliseconds. */
const SHOW_MS = 100;

/** What the stub asks for. */
export interface PageNotebook {
  act(cell: HTMLElement, action: string): void;
  actOnAll(action: string): void;
}

let open: Promise<PageNotebook> | undefined;

/** The cells of this page, made once. */
export function notebook(): Promise<PageNotebook> {
  open ??= make();
  return open;
}

async function make(): Promise<PageNotebook> {
  const page = await (await fetch(location.pathname)).text();
  const served = new DOMParser().parseFromString(page, "text/html");
  const pristine = [...served.querySelectorAll(".ptlab-cell:has(.ptlab-cell-bar)")];
  const elements = [...document.querySelectorAll<HTMLElement>(".ptlab-cell:has(.ptlab-cell-bar)")];
  return new Cells(elements.map((element, i) => new PageCell(element, pristine[i]!, i)));
}

class Cells implements PageNotebook {
  readonly #cells: readonly PageCell[];
  readonly #types = cellTypes();
  readonly #runner = new Runner((count, event) => {
    this.#log.apply(count - 1, event);
    this.#showSoon(this.#cells[count - 1]!);
  });
  #log = outputLog();
  #showing: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;

  constructor(cells: readonly PageCell[]) {
    this.#cells = cells;
    for (const cell of cells) cell.madeBy = this.#texts().slice(0, cell.index + 1);
    for (const [index, code] of Object.entries(keptEdits() as Edits)) {
      const cell = cells[Number(index)];
      if (cell !== undefined) this.#edit(cell, code, false);
    }
    this.#mark();
  }

  act(element: HTMLElement, action: string): void {
    const cell = this.#cells.find((each) => each.element === element);
    if (cell === undefined) return;
    if (action === "edit") this.#edit(cell, cell.code, true);
    else if (action === "run") this.#run(cell);
    else if (action === "stop") this.#runner.stop();
    else if (action === "reset") this.#reset([cell]);
  }

  actOnAll(action: string): void {
    if (action === "jupyter") this.#download();
    else this.#reset(this.#cells);
  }

  #texts = (): readonly string[] => this.#cells.map(({ code }) => code);

  async #edit(cell: PageCell, code: string, focus: boolean): Promise<void> {
    if (cell.editor !== undefined) return cell.editor.focus();
    this.#changed(cell, code);
    cell.button("edit").hidden = true;
    const { openEditor } = await import("./editor.ts");
    const editor = openEditor(cell.editorPlace(), cell.index + 1, code, {
      changed: (text) => this.#changed(cell, text),
      run: () => this.#run(cell),
      runAndGo: () => {
        this.#run(cell);
        this.#goTo(cell.index + 1);
      },
    });
    cell.editor = editor;
    cell.button("reset").hidden = false;
    if (focus) editor.focus();
    editor.extend(await this.#types.extension(cell.index, this.#texts));
  }

  #goTo(index: number): void {
    const next = this.#cells[index];
    if (next?.editor !== undefined) next.editor.focus();
    else next?.button("edit").focus();
  }

  #changed(cell: PageCell, code: string): void {
    cell.code = code;
    const edited = this.#cells.filter((each) => each.code !== each.storedCode);
    keepEdits(Object.fromEntries(edited.map((each) => [each.index, each.code])));
    this.#mark();
  }

  /** Marks what came from other code than what now stands above it. */
  #mark(): void {
    const texts = this.#texts();
    for (const cell of this.#cells) cell.setStale(cell.madeBy.join("\0") !== texts.slice(0, cell.index + 1).join("\0"));
    const isTouched = this.#cells.some((cell) => cell.editor !== undefined || cell.ran !== undefined);
    document.querySelector<HTMLElement>('[data-cells="reset"]')!.hidden = !isTouched;
  }

  async #run(cell: PageCell): Promise<void> {
    if (this.#isRunning) return cell.say("Another cell is running: stop it, or wait for its end.");
    this.#isRunning = true;
    cell.setRunning(true);
    try {
      await this.#runWithAbove(cell);
    } finally {
      this.#isRunning = false;
      cell.setRunning(false);
      cell.button("reset").hidden = false;
      this.#mark();
    }
  }

  async #runWithAbove(cell: PageCell): Promise<void> {
    const due = this.#cells.slice(0, cell.index).filter(({ ran, code }) => ran !== code);
    for (const [n, above] of due.entries()) {
      cell.say(`Running cell ${above.index + 1} first, ${n + 1} of ${due.length} above that have not been run.`);
      const { how } = await this.#runOne(above);
      if (how === "stopped") return this.#stopped(cell);
      if (how === "error") return cell.say(`Not run: cell ${above.index + 1} above ended with an error.`);
    }
    cell.say("Running.");
    const start = performance.now();
    const { how, isStored } = await this.#runOne(cell);
    if (how === "stopped") return this.#stopped(cell);
    const time = seconds(performance.now() - start);
    if (how === "error") return cell.say(`Ended with an error after ${time}.`);
    cell.say(`Run on your machine in ${time}${isStored ? "; the output is the stored one." : "."}`);
  }

  async #runOne(cell: PageCell) {
    const { code, index } = cell;
    const texts = this.#texts().slice(0, index + 1);
    // Stored code has passed the kernel's check, after the very cells that are above it.
    const isEdited = this.#cells.slice(0, index + 1).some((each) => each.code !== each.storedCode);
    const problems = isEdited ? await this.#types.problems(index, texts) : [];
    this.#log.apply(index, { type: "clear", wait: false });
    const how = await this.#runner.run({ code, count: index + 1, problems });
    if (how !== "stopped") cell.ran = how === "ok" ? code : undefined;
    cell.madeBy = texts;
    const isStored = await this.#show(cell);
    return { how, isStored };
  }

  #stopped(cell: PageCell): void {
    for (const each of this.#cells) each.ran = undefined;
    this.#log = outputLog();
    cell.say("Stopped. What cells have computed is lost: the next run begins with the first cell.");
  }

  #showSoon(cell: PageCell): void {
    this.#showing ??= setTimeout(() => this.#show(cell), SHOW_MS);
  }

  async #show(cell: PageCell): Promise<boolean> {
    clearTimeout(this.#showing);
    this.#showing = undefined;
    return cell.show(this.#log.of(cell.index));
  }

  #reset(cells: readonly PageCell[]): void {
    for (const cell of cells) {
      cell.closeEditor();
      cell.showStored();
      cell.madeBy = this.#cells.slice(0, cell.index + 1).map(({ storedCode }) => storedCode);
      cell.button("reset").hidden = true;
      cell.say("The stored cell is shown again.");
      if (cell.ran !== cell.storedCode) cell.ran = undefined;
      this.#changed(cell, cell.storedCode);
    }
  }

  /** The notebook with the reader's edits; outputs of an edited notebook are left out, because they are of other code. */
  async #download(): Promise<void> {
    const link = document.querySelector<HTMLAnchorElement>(".ptlab-download a[download]")!;
    const name = link.href.slice(link.href.lastIndexOf("/") + 1);
    const stored = parseNotebook(await (await fetch(link.href)).text(), name);
    const texts = [...this.#texts()];
    const isEdited = this.#cells.some(({ code, storedCode }) => code !== storedCode);
    const cells = stored.cells.map((cell) => {
      if (cell.cell_type !== "code" || cell.source.trim() === "") return cell;
      const source = texts.shift()!;
      return isEdited ? { ...cell, source, outputs: [], execution_count: null } : cell;
    });
    const file = new Blob([formatNotebook({ ...stored, cells })], { type: "application/x-ipynb+json" });
    save(name, file);
    const edited = isEdited ? ", with your edits and without outputs" : "";
    document.querySelector(".ptlab-page-bar [role=status]")!.textContent =
      `${name} is downloaded${edited}. In ptlab's folder, move it to notebooks/ and run: npx jupyter lab notebooks/${name}`;
  }
}

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
