/**
 * The cells of a page together: which have to run before another, what their outputs came from, the reader's edits.
 */
import { UserError } from "../../../src/base/errors.ts";
import { hasCode, type Notebook, parseNotebook } from "../../../src/notebook/format.ts";
import { outputLog } from "../../../src/notebook/outputs.ts";
import { formatNotebook } from "../../../src/notebook/write.ts";
import { fetched } from "../../errors.ts";
import { save } from "../../live/save.ts";
import { seconds } from "../../seconds.ts";
import { keepEdits, keptEdits } from "../edits.ts";
import { PageCell } from "./cell.ts";
import { type Ending, Runner } from "./runner.ts";
import { cellTypes } from "./types.ts";

/** Time between two looks at what a running cell has put out, in milliseconds. */
const SHOW_MS = 100;

/** What the stub asks for. */
export interface PageNotebook {
  act(cell: HTMLElement, action: string): Promise<void>;
  actOnAll(action: string): void;
}

let open: Promise<PageNotebook> | undefined;

/** The cells of this page, made once; after a failure, the next call tries again. */
export function notebook(): Promise<PageNotebook> {
  open ??= make().catch((error) => {
    open = undefined;
    throw error;
  });
  return open;
}

async function make(): Promise<PageNotebook> {
  const file = document.querySelector<HTMLAnchorElement>(".ptlab-download a[download]")!.href;
  const [page, text] = await Promise.all([fetchText(location.pathname), fetchText(file)]);
  const name = file.slice(file.lastIndexOf("/") + 1);
  const stored = parseNotebook(text, name);
  const codes = stored.cells.filter(hasCode).map(({ source }) => source);
  const pristine = cellsOf(new DOMParser().parseFromString(page, "text/html"));
  const elements = cellsOf(document);
  if (pristine.length !== elements.length || codes.length !== elements.length)
    throw new UserError("the notebook has changed since this page was loaded: reload it");
  const cells = elements.map((element, i) => new PageCell(element, pristine[i]!, i, codes[i]!));
  return new Cells(cells, name, stored);
}

const fetchText = async (address: string): Promise<string> => (await fetched(address, address)).text();

/** By an attribute that nothing from a notebook can carry. */
const cellsOf = (root: Document): HTMLElement[] => [...root.querySelectorAll<HTMLElement>("[data-code-cell]")];

class Cells implements PageNotebook {
  readonly #cells: readonly PageCell[];
  readonly #types = cellTypes();
  readonly #runner = new Runner((count, event) => {
    this.#log.apply(count - 1, event);
    // What was shown under a name may stand in any cell.
    const changed = event.type === "update" ? this.#cells : [this.#cells[count - 1]!];
    for (const cell of changed) if (this.#isNew.has(cell)) this.#showSoon(cell);
  });
  readonly #log = outputLog();
  /** Cells whose new outputs are shown, and not the stored ones. */
  readonly #isNew = new Set<PageCell>();
  /** Cells whose new outputs are to be shown soon. */
  readonly #showing = new Map<PageCell, ReturnType<typeof setTimeout>>();
  readonly #name: string;
  readonly #stored: Notebook;
  /** Ends the run that is going on, if there is one. */
  #stopped: PromiseWithResolvers<undefined> | undefined;

  /** `stored` is the notebook in the file of that name. */
  constructor(cells: readonly PageCell[], name: string, stored: Notebook) {
    this.#cells = cells;
    this.#name = name;
    this.#stored = stored;
    const codes = this.#texts();
    for (const cell of cells) cell.madeBy = codes.slice(0, cell.index + 1);
    for (const [index, code] of keptEdits(codes))
      this.#edit(cells[index]!, code, false).catch((error) => cells[index]!.say(`No editor: ${error.message}.`));
    this.#mark();
  }

  async act(element: HTMLElement, action: string): Promise<void> {
    const cell = this.#cells.find((each) => each.element === element);
    if (cell === undefined) return;
    if (action === "edit") await this.#edit(cell, cell.code, true);
    else if (action === "run") await this.#run(cell);
    else if (action === "stop") this.#stop();
    else if (action === "reset") this.#reset([cell]);
  }

  actOnAll(action: string): void {
    if (action === "jupyter") this.#download();
    else this.#reset(this.#cells);
  }

  #texts = (): readonly string[] => this.#cells.map(({ code }) => code);

  async #edit(cell: PageCell, code: string, focus: boolean): Promise<void> {
    if (this.#goToEditor(cell)) return;
    this.#changed(cell, code);
    const { openEditor } = await import("./editor.ts");
    // Pressed twice while it was loaded.
    if (this.#goToEditor(cell)) return;
    cell.button("edit").hidden = true;
    const editor = openEditor(cell.editorPlace(), cell.index + 1, cell.code, {
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

  /** False if the cell has no editor. */
  #goToEditor({ editor }: PageCell): boolean {
    editor?.focus();
    return editor !== undefined;
  }

  #goTo(index: number): void {
    const next = this.#cells[index];
    if (next !== undefined && !this.#goToEditor(next)) next.button("edit").focus();
  }

  #changed(cell: PageCell, code: string): void {
    cell.code = code;
    keepEdits(this.#cells);
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
    if (this.#stopped !== undefined) return cell.say("Another cell is running: stop it, or wait for its end.");
    this.#stopped = Promise.withResolvers();
    cell.setRunning(true);
    try {
      await this.#runWithAbove(cell);
    } finally {
      this.#stopped = undefined;
      cell.setRunning(false);
      cell.button("reset").hidden = false;
      this.#mark();
    }
  }

  async #runWithAbove(cell: PageCell): Promise<void> {
    // What the reader writes from now on is not what runs.
    const codes = this.#texts();
    const due = this.#dueAbove(cell);
    for (const [n, above] of due.entries()) {
      cell.say(`Running cell ${above.index + 1} first, ${n + 1} of ${due.length} above that have to run.`);
      const { how } = await this.#runOne(above, codes);
      if (how === "stopped") return cell.say(STOPPED);
      if (how === "error") return cell.say(`Not run: cell ${above.index + 1} above ended with an error.`);
    }
    cell.say("Running.");
    const start = performance.now();
    const { how, isStored } = await this.#runOne(cell, codes);
    if (how === "stopped") return cell.say(STOPPED);
    // It was reset meanwhile.
    if (!this.#isNew.has(cell)) return;
    const time = seconds(performance.now() - start);
    if (how === "error") return cell.say(`Ended with an error after ${time}.`);
    cell.say(`Run on your machine in ${time}${isStored ? "; the output is the stored one." : "."}`);
  }

  /** The first cell above whose code is not what ran, and all after it, because they saw what that cell made. */
  #dueAbove(cell: PageCell): readonly PageCell[] {
    const above = this.#cells.slice(0, cell.index);
    const first = above.findIndex(({ ran, code }) => ran !== code);
    return first === -1 ? [] : above.slice(first);
  }

  async #runOne(cell: PageCell, codes: readonly string[]): Promise<{ how: Ending; isStored: boolean }> {
    const { index } = cell;
    const upToHere = codes.slice(0, index + 1);
    // Stored code has passed the kernel's check, after the very cells that are above it.
    const isEdited = upToHere.some((code, i) => code !== this.#cells[i]!.storedCode);
    const check = isEdited ? this.#types.problems(index, upToHere) : [];
    const problems = await Promise.race([this.#stopped!.promise, check]);
    if (problems === undefined) return { how: "stopped", isStored: false };
    for (const each of this.#cells.slice(index)) each.ran = undefined;
    this.#log.apply(index, { type: "clear", wait: false });
    this.#isNew.add(cell);
    const how = await this.#runner.run({ code: codes[index]!, count: index + 1, problems });
    if (how === "ok") cell.ran = codes[index];
    if (!this.#isNew.has(cell)) return { how, isStored: true };
    cell.madeBy = upToHere;
    const isStored = await this.#show(cell);
    return { how, isStored };
  }

  /** Ends the worker, and with it what cells have computed, also where no cell has begun to run in it. */
  #stop(): void {
    for (const cell of this.#cells) cell.ran = undefined;
    this.#stopped?.resolve(undefined);
    this.#runner.stop();
  }

  #showSoon(cell: PageCell): void {
    if (!this.#showing.has(cell))
      this.#showing.set(
        cell,
        setTimeout(() => this.#show(cell), SHOW_MS),
      );
  }

  #endShowing(cell: PageCell): void {
    clearTimeout(this.#showing.get(cell));
    this.#showing.delete(cell);
  }

  async #show(cell: PageCell): Promise<boolean> {
    this.#endShowing(cell);
    return cell.show(this.#log.of(cell.index));
  }

  #reset(cells: readonly PageCell[]): void {
    for (const cell of cells) {
      cell.closeEditor();
      this.#isNew.delete(cell);
      this.#endShowing(cell);
      cell.showStored();
      cell.madeBy = this.#cells.slice(0, cell.index + 1).map(({ storedCode }) => storedCode);
      cell.button("reset").hidden = true;
      cell.say("The stored cell is shown again.");
      if (cell.ran !== cell.storedCode) cell.ran = undefined;
      this.#changed(cell, cell.storedCode);
    }
  }

  /** The notebook with the reader's edits; outputs of an edited notebook are left out, because they are of other code. */
  #download(): void {
    const texts = [...this.#texts()];
    const isEdited = this.#cells.some(({ code, storedCode }) => code !== storedCode);
    const cells = this.#stored.cells.map((cell) =>
      hasCode(cell) && isEdited ? { ...cell, source: texts.shift()!, outputs: [], execution_count: null } : cell,
    );
    const name = this.#name;
    save(name, new Blob([formatNotebook({ ...this.#stored, cells })], { type: "application/x-ipynb+json" }));
    const edited = isEdited ? ", with your edits and without outputs" : "";
    document.querySelector(".ptlab-page-bar [role=status]")!.textContent =
      `${name} is downloaded${edited}. In ptlab's folder, move it to notebooks/ and run: npx jupyter lab notebooks/${name}`;
  }
}

const STOPPED = "Stopped. What cells have computed is lost: the next run begins with the first cell.";
