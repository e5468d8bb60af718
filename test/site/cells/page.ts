/**
 * A page of a notebook without a browser: its document, a worker that a test answers for, and a type check of that kind.
 */
import { Window } from "happy-dom";
import { vi } from "vitest";
import type { CellNews, RunCell } from "../../../site/cells/messages.ts";
import type { PageNotebook } from "../../../site/cells/page/notebook.ts";
import type { NbOutput, Notebook } from "../../../src/notebook/format.ts";
import { renderPage } from "../../../src/notebook/render/page.ts";
import { formatNotebook } from "../../../src/notebook/write.ts";

/** What a worker does with a cell; what it tells goes to the page. */
export type Kernel = (cell: RunCell, tell: (news: CellNews) => void) => void;

/** What a test says of the page's surroundings. */
export interface Surroundings {
  readonly kernel: Kernel;
  /** The answer to a check of types, which is asked for where a cell is edited. */
  readonly check?: () => Promise<unknown>;
  readonly sessionStorage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly fetch?: (address: string) => Promise<Response>;
}

/** A page in the place of the browser's. */
export interface Page {
  readonly document: Document;
  /** The page's script, loaded anew. */
  open(): Promise<PageNotebook>;
  cell(number: number): HTMLElement;
  status(number: number): string;
  outputs(number: number): string;
}

const ADDRESS = "/notebooks/x/";

/** Highlights nothing; HTML in prose is let through, as Markdown does. */
const markdown = async (text: string) => ({ html: text.replaceAll("```", "<pre>"), headings: [] });

/** Renders the notebook and puts its page in the place of this realm's. Undone by `vi.unstubAllGlobals`. */
export async function openPage(nb: Notebook, surroundings: Surroundings): Promise<Page> {
  const window = new Window({ url: `http://site.test${ADDRESS}` });
  const effects = { address: ADDRESS, embed: () => "", markdown, live: () => undefined };
  const { html } = await renderPage("x", nb, effects);
  window.document.body.innerHTML = html;
  const document = window.document as unknown as Document;
  const served = (address: string) =>
    Promise.resolve(new Response(address.endsWith(".ipynb") ? formatNotebook(nb) : `<body>${html}</body>`));
  vi.stubGlobal("document", document);
  vi.stubGlobal("location", window.location);
  vi.stubGlobal("DOMParser", window.DOMParser);
  vi.stubGlobal("sessionStorage", surroundings.sessionStorage ?? window.sessionStorage);
  vi.stubGlobal("fetch", surroundings.fetch ?? served);
  vi.stubGlobal("Worker", workerOf(surroundings));
  const cell = (number: number) =>
    document.querySelectorAll<HTMLElement>(".ptlab-cell:has(.ptlab-cell-bar)")[number - 1]!;
  return {
    document,
    cell,
    status: (number) => cell(number).querySelector(".ptlab-cell-status")!.textContent!,
    outputs: (number) => cell(number).querySelector(".ptlab-outputs")!.textContent!,
    async open() {
      vi.resetModules();
      return (await import("../../../site/cells/page/notebook.ts")).notebook();
    },
  };
}

/** The page has two workers: one runs cells, the other checks their types. */
function workerOf({ kernel, check = async () => [] }: Surroundings) {
  return class {
    onmessage: ((event: { data: unknown }) => void) | undefined;
    readonly #isKernel: boolean;
    #isEnded = false;

    constructor(address: URL) {
      this.#isKernel = /cells\/worker/.test(address.href);
    }

    addEventListener(type: string, listener: (event: { data: unknown }) => void): void {
      if (type === "message") this.onmessage = listener;
    }

    async postMessage(message: RunCell & { readonly id: number; readonly name: string }): Promise<void> {
      if (this.#isKernel) return kernel(message, (data) => this.#tell(data));
      const { id, name } = message;
      this.#tell({ id, result: name === "check" ? await check() : undefined });
    }

    terminate(): void {
      this.#isEnded = true;
    }

    #tell(data: unknown): void {
      if (!this.#isEnded) this.onmessage?.({ data });
    }
  };
}

/** An output that is a text. */
export const text = (shown: string): NbOutput => ({
  output_type: "display_data",
  data: { "text/plain": shown },
  metadata: {},
});
