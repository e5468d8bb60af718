/**
 * The pages of the API reference: one for each folder of `src/`, an overview of all names, and the names
 * of the kernel with what is called after them.
 */
import { escapeHtml } from "../../src/notebook/render/html.ts";
import type { Heading } from "../../src/notebook/render/page.ts";
import { FOLDERS } from "./folders.ts";
import type { Piece } from "./pieces.ts";
import { type ApiFile, type ApiSymbol, folderOf, symbolAddress } from "./symbols.ts";

/** A page below the folder of the API pages; `id` is empty for the overview. */
export interface ApiPage {
  readonly id: string;
  readonly title: string;
  /** What the sidebar calls it. */
  readonly label: string;
  readonly description: string;
  /** Its place among the others. */
  readonly order: number;
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** All pages; `root` is the address of the folder that they are in. */
export function apiPages(files: readonly ApiFile[], root: string): readonly ApiPage[] {
  const inFolders = Object.groupBy(files, ({ file }) => folderOf(file));
  const names = Object.keys(FOLDERS);
  const unknown = Object.keys(inFolders).find((folder) => !names.includes(folder));
  if (unknown !== undefined) throw new Error(`site/api/folders.ts has no sentence for src/${unknown}`);
  const folders: Folders = names.map((name) => [name, inFolders[name] ?? []]);
  const addresses = new Map(
    files.flatMap(({ symbols }) => symbols.map(({ file, name }) => [name, root + symbolAddress(file, name)])),
  );
  const page = (folder: string, inside: readonly ApiFile[]): ApiPage => ({
    id: folder,
    title: `API: ${folder}`,
    label: folder.split("/").at(-1)!,
    description: plain(FOLDERS[folder]!),
    order: names.indexOf(folder) + 2,
    html: beneathProse(
      `<p>${inlineHtml(FOLDERS[folder]!, addresses)}</p>${inside.map((file) => fileHtml(file, root, addresses)).join("")}`,
    ),
    headings: inside.map(({ file }) => ({ depth: 2, slug: slugOf(file), text: nameOf(file) })),
  });
  return [
    overview(folders, root, addresses),
    kernelNames(files, root),
    ...folders.map(([folder, inside]) => page(folder, inside)),
  ];
}

type Folders = readonly (readonly [folder: string, files: readonly ApiFile[]])[];
type Addresses = ReadonlyMap<string, string>;

/** Who searches wants a page that explains before one that lists. */
const beneathProse = (html: string): string => `<div data-pagefind-weight="0.2">${html}</div>`;

function fileHtml({ file, docs, symbols }: ApiFile, root: string, addresses: Addresses): string {
  const heading = `<h2 id="${slugOf(file)}">${nameOf(file)}</h2>`;
  return heading + docsHtml(docs, addresses) + symbols.map((one) => symbolHtml(one, root, addresses)).join("");
}

function symbolHtml({ name, module, file, line, docs, declaration }: ApiSymbol, root: string, addresses: Addresses) {
  const code = declaration.map((piece) => pieceHtml(piece, root)).join("");
  const from = `<p class="ptlab-api-from">from <code>${module}</code>, <code>${file}:${line}</code></p>`;
  return `<h3 id="${name}">${name}</h3><pre class="ptlab-api" tabindex="0"><code>${code}</code></pre>${docsHtml(docs, addresses)}${from}`;
}

const pieceHtml = ([text, address]: Piece, root: string): string =>
  address === undefined ? commented(escapeHtml(text)) : `<a href="${root}${address}">${escapeHtml(text)}</a>`;

/** What is said of members stands between them. */
const commented = (html: string): string => html.replace(/\/\*\*[\s\S]*?\*\//g, "<i>$&</i>");

/** Lists, pictures of bits and the like, whose lines must stay as they are. */
const SET_OUT = /^( {2}|- )/m;

/** A doc comment: paragraphs, with names in backticks. */
function docsHtml(docs: string, addresses: Addresses): string {
  const paragraphs = docs.split(/\n[ \t]*\n/).filter((text) => text.trim() !== "");
  return paragraphs
    .map((text) =>
      SET_OUT.test(text)
        ? `<pre class="ptlab-api" tabindex="0">${escapeHtml(text)}</pre>`
        : `<p>${inlineHtml(text, addresses)}</p>`,
    )
    .join("");
}

function inlineHtml(text: string, addresses: Addresses): string {
  const marked = text.replace(/\{@link\s+([^}]*?)\s*\}/g, "`$1`");
  return escapeHtml(marked).replace(/`([^`]+)`/g, (_, code: string) => {
    const address = addresses.get(code);
    return address === undefined ? `<code>${code}</code>` : `<a href="${address}"><code>${code}</code></a>`;
  });
}

const plain = (text: string): string => text.replaceAll("`", "");

const nameOf = (file: string): string => file.split("/").at(-1)!;

/** No exported name has a dot, so no name's place is a file's. */
const slugOf = (file: string): string => nameOf(file);

function overview(folders: Folders, root: string, addresses: Addresses): ApiPage {
  const sections = folders.map(([folder, files]) => {
    const names = files.flatMap(({ symbols }) => symbols).map((one) => symbolLink(one, root));
    return `<h2 id="${folder}"><a href="${root}${folder}/">${folder}</a></h2><p>${inlineHtml(FOLDERS[folder]!, addresses)}</p><p>${names.join(", ")}</p>`;
  });
  const count = folders.flatMap(([, files]) => files.flatMap(({ symbols }) => symbols)).length;
  const intro = `<p>The ${count} names that a cell can import from <code>ptlab</code> and <code>ptlab/jupyter</code>, by the folder of <code>src/</code> that declares them. Lower folders come first: each uses only those above it. <a href="${root}kernel/">By the name of a kernel function</a>.</p>`;
  return {
    ...{ id: "", title: "API", label: "Overview", order: 0 },
    description: "Every name that notebooks can import, by the folder that it comes from.",
    html: beneathProse(intro + sections.join("")),
    headings: folders.map(([folder]) => ({ depth: 2, slug: folder, text: folder })),
  };
}

/** A name that leads to where it is told. */
const symbolLink = ({ file, name }: ApiSymbol, root: string): string =>
  `<a href="${root}${symbolAddress(file, name)}">${name}</a>`;

/** A name as C has it: words with underscores between or in front. */
const KERNEL_NAME = /`(_*[a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?:\(\))?`/g;

function kernelNames(files: readonly ApiFile[], root: string): ApiPage {
  const named = files.flatMap(({ symbols }) =>
    symbols.flatMap((one) => [...one.docs.matchAll(KERNEL_NAME)].map(([, kernel]) => ({ kernel: kernel!, one }))),
  );
  const rows = Object.entries(Object.groupBy(named, ({ kernel }) => kernel))
    .sort(([a], [b]) => (a.replace(/^_+/, "") < b.replace(/^_+/, "") ? -1 : 1))
    .map(([kernel, all]) => {
      const links = new Set(all!.map(({ one }) => symbolLink(one, root)));
      return `<tr><td><code>${kernel}</code></td><td>${[...links].join(", ")}</td></tr>`;
    });
  return {
    ...{ id: "kernel", title: "API: names of the kernel", label: "Names of the kernel", order: 1 },
    description: "Functions and types of Linux, and what here is called after them or tells about them.",
    html: beneathProse(
      `<p>On the left what Linux calls it, on the right the names here whose comment speaks of it.</p><table class="ptlab-api-names"><thead><tr><th>Linux</th><th>ptlab</th></tr></thead><tbody>${rows.join("")}</tbody></table>`,
    ),
    headings: [],
  };
}
