// Reads what the pages' prose rests on: the glossary, the references, the figures of all notebooks, and who cites what.
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { digest } from "../../src/base/digest.ts";
import { figuresOf } from "../../src/notebook/figures.ts";
import { listNotebooks, readNotebook } from "../../src/notebook/file.ts";
import type { Notebook } from "../../src/notebook/format.ts";
import { splitTitle } from "../../src/notebook/title.ts";
import type { Book, Label } from "./page.ts";
import { citedIn, readReferences } from "./references.ts";
import { parseGlossary } from "./terms.ts";

/** The folder of the pages that are written as Markdown. */
export const DOCS = "site/content/docs";

/** A page as its author wrote it. */
export interface Source {
  readonly page: string;
  readonly title: string;
  readonly cites: ReadonlySet<string>;
}

/** The book with what only its own pages need. */
export interface FullBook extends Book {
  readonly sources: readonly Source[];
  /** Changes when a page may have to be made again although its own text is the same. */
  readonly digest: string;
}

/** Reads the glossary, the references and the notebooks of the project at `root`, for a site published in `base`. */
export async function readBook(root: string, base: string): Promise<FullBook> {
  const glossary = await readFile(join(root, DOCS, "glossary.md"), "utf8");
  const list = JSON.parse(await readFile(join(root, "site/references.json"), "utf8"));
  const notebooks = await readNotebooks(join(root, "notebooks"));
  const labels = new Map([...notebooks].map(([name, nb]) => [`notebooks/${name}`, labelsOf(nb)]));
  const sources = [...(await docsSources(join(root, DOCS))), ...[...notebooks].map(notebookSource)];
  const shown = [
    glossary,
    list,
    [...labels].map(([page, of]) => [page, [...of]]),
    sources.map((s) => [s.page, s.title, [...s.cites]]),
  ];
  return {
    ...{ base, labels, sources },
    terms: parseGlossary(glossary),
    references: readReferences(list),
    digest: digest(JSON.stringify(shown)),
  };
}

async function readNotebooks(folder: string): Promise<ReadonlyMap<string, Notebook>> {
  const files = await listNotebooks(folder);
  const read = files.map(async (file) => [basename(file, ".ipynb"), await readNotebook(join(folder, file))] as const);
  return new Map(await Promise.all(read));
}

const labelsOf = (nb: Notebook): ReadonlyMap<string, Label> =>
  new Map(figuresOf(nb).map(({ label, number, stored }) => [label, { number, title: stored.data.title }]));

function notebookSource([name, nb]: [string, Notebook]): Source {
  const texts = nb.cells.filter(({ cell_type }) => cell_type === "markdown").map(({ source }) => source);
  return { page: `notebooks/${name}`, title: splitTitle(name, nb).title, cites: citedIn(texts.join("\n")) };
}

async function docsSources(folder: string): Promise<readonly Source[]> {
  const files = (await readdir(folder)).filter((name) => docsPage(name) !== undefined).sort();
  return Promise.all(files.map(async (file) => docsSource(file, await readFile(join(folder, file), "utf8"))));
}

function docsSource(file: string, text: string): Source {
  const page = docsPage(file)!;
  return { page, title: /^title: (.+)$/m.exec(text)?.[1] ?? page, cites: citedIn(text) };
}

/** The page of a Markdown file in the folder of pages, or undefined if it is something else. */
export function docsPage(file: string): string | undefined {
  const name = /^([\w-]+)\.mdx?$/.exec(file)?.[1];
  return name === "index" ? "" : name;
}
