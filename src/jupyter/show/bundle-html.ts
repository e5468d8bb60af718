/**
 * Bundles as HTML: a figure with its caption and data, and any value inside a widget.
 */
import { type Build, FIGURE_MIME, type FigureData } from "../../figure/figure.ts";
import { stampLine } from "../../figure/stamp.ts";
import type { MimeBundle } from "../../notebook/format.ts";
import { escapeHtml } from "../../notebook/render/html.ts";
import { dataHtml } from "../../notebook/render/table.ts";

/**
 * A figure's bundle with picture, caption, data and stamp as HTML. Not stored by runs without a front end: sites that show a
 * stored notebook prefer HTML and take the picture out of it.
 */
export function withHtml(bundle: MimeBundle, build: Build): MimeBundle {
  const figure = bundle[FIGURE_MIME] as unknown as FigureData;
  const parts = [
    `<figure style="margin:0">${bundle["image/svg+xml"]}`,
    `<figcaption><strong>${escapeHtml(figure.title)}</strong> ${escapeHtml(figure.caption)}</figcaption>`,
    // The classic Notebook's style sheet takes the triangle away, and with it the sign that there is more.
    `<details><summary style="display:list-item">Data table</summary>${dataHtml(figure)}</details>`,
    `<p><small>${escapeHtml(stampLine(figure, build))}</small></p></figure>`,
  ];
  return { ...bundle, "text/html": parts.join("\n") };
}

/** The bundle's richest form as HTML. */
export function bundleHtml(bundle: MimeBundle): string {
  for (const mime of ["text/html", "image/svg+xml"]) if (typeof bundle[mime] === "string") return bundle[mime];
  for (const mime of ["image/png", "image/jpeg", "image/gif"])
    if (typeof bundle[mime] === "string") return `<img alt="" src="data:${mime};base64,${escapeHtml(bundle[mime])}">`;
  return `<pre>${escapeHtml(String(bundle["text/markdown"] ?? bundle["text/plain"] ?? ""))}</pre>`;
}
