/**
 * What a reader can take away from a figure: files, and what a script can copy. All of it is part of the page from the
 * start; without script only the links to files show.
 */
import { attributes } from "./html.ts";

/** A file that a page offers beside itself. */
export interface PageFile {
  readonly name: string;
  readonly mime: string;
  readonly text: string;
}

const LINK_TEXT: Readonly<Record<string, string>> = { svg: "SVG", csv: "CSV", txt: "Text table" };

/** Links and buttons for one figure. `page` is the address of its page, `embed` that of its page without anything else. */
export function exportsHtml(files: readonly PageFile[], { page, embed }: { page: string; embed: string }): string {
  const kinds = files.map(({ name }) => name.split(".").at(-1)!);
  const links = files.map(({ name }, i) => {
    // Astro fetches what a pointer rests on; the page's policy would refuse the file of a new run, in the reader's console.
    const link = attributes({
      href: page + name,
      download: name,
      "data-file": kinds[i]!,
      "data-astro-prefetch": "false",
    });
    return `<a${link}>${LINK_TEXT[kinds[i]!]}</a>${kinds[i] === "svg" ? button("png", "PNG") : ""}`;
  });
  const buttons = [
    kinds.includes("txt") ? button("copy-text", "Copy text table") : "",
    button("copy-link", "Copy link"),
    button("embed", "Embed", { "aria-expanded": "false" }),
    '<span class="ptlab-said" role="status"></span>',
  ];
  return `<ptlab-exports${attributes({ "data-embed": embed })}><p class="ptlab-links">${links.join(" ")}</p><div class="ptlab-copies">${buttons.join("")}</div>${EMBED_PANEL}</ptlab-exports>`;
}

const button = (action: string, label: string, more: Readonly<Record<string, string>> = {}): string =>
  `<button type="button"${attributes({ "data-action": action, ...more })}>${label}</button>`;

const EMBED_PANEL = `<div class="ptlab-embed" hidden><textarea readonly rows="4" spellcheck="false" aria-label="Snippet for another page"></textarea><p>${button("copy-snippet", "Copy snippet")} The frame is as high as the figure is here. It cannot grow without a script in the other page; where it is too small, it scrolls.</p></div>`;
