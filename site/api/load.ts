/**
 * Loads the pages of the API reference, which are kept between builds: TypeScript takes seconds to read the sources.
 */
import type { LoaderContext } from "astro/loaders";
import { kept } from "../kept.ts";
import type { ApiPage } from "./pages.ts";
import type { ApiFile } from "./symbols.ts";

/** All that decides over the exports and what is told about them. */
export const API_INPUTS = ["src", "site/api", "site/types/declarations.ts", "package-lock.json"];

/** What TypeScript reads in the sources. */
export interface ApiSources {
  /** What notebooks can import. */
  readonly files: readonly ApiFile[];
  /** The text of each declaration file by its path from the project's root. */
  readonly declarations: Readonly<Record<string, string>>;
}

/** As it was found last if no source has changed since. */
export async function apiSources(): Promise<ApiSources> {
  return JSON.parse(await kept({ name: "api.json", inputs: API_INPUTS, make: readSources }));
}

async function readSources(): Promise<string> {
  const { apiFiles } = await import("./symbols.ts");
  const { declarations } = await import("../types/declarations.ts");
  const read = declarations();
  return JSON.stringify({ files: apiFiles(read), declarations: read.texts } satisfies ApiSources);
}

/** Puts the pages of the reference into Astro's store, and takes out those that are no more. */
export async function loadApi({ store, parseData, generateDigest, config }: LoaderContext): Promise<void> {
  const { apiPages } = await import("./pages.ts");
  const pages = apiPages((await apiSources()).files, `${config.base}api/`);
  const ids = new Set(pages.map(idOf));
  for (const key of store.keys()) if (/^api(\/|$)/.test(key) && !ids.has(key)) store.delete(key);
  for (const page of pages) {
    const [id, digest] = [idOf(page), generateDigest({ ...page })];
    if (store.get(id)?.digest === digest) continue;
    const { title, description, label, order, html } = page;
    const data = await parseData({ id, data: { title, description, sidebar: { label, order }, editUrl: false } });
    // No such file exists: the sidebar has its groups from the folders of files.
    const filePath = page.id === "" ? "api/index.md" : `${id}.md`;
    store.set({ id, data, digest, filePath, rendered: { html, metadata: { headings: [...page.headings] } } });
  }
}

const idOf = ({ id }: ApiPage): string => (id === "" ? "api" : `api/${id}`);
