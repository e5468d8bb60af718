/**
 * A numbered figure of a page: the picture first, then controls if it is live, caption, data table, exports and stamp.
 * Everything here comes from the stored output alone; nothing is run.
 */
import { toCsv } from "../../figure/csv.ts";
import type { FigureData } from "../../figure/figure.ts";
import type { LiveFigure } from "../../figure/live.ts";
import { stampLine } from "../../figure/stamp.ts";
import type { StoredFigure } from "../figures.ts";
import type { Json, MimeBundle } from "../format.ts";
import { controlsHtml } from "./controls.ts";
import { exportsHtml, type PageFile } from "./exports.ts";
import { attributes, escapeHtml } from "./html.ts";
import { sanitizeSvg, svgFile } from "./sanitize.ts";
import { dataHtml } from "./table.ts";

/** A figure as part of a page, and the files that it offers. */
export interface RenderedFigure {
  readonly html: string;
  readonly files: readonly PageFile[];
}

/** The place of a figure: its number on the page, where it is found, and what redraws it, if anything does. */
export interface Placement {
  readonly number: number;
  /** Its anchor by what it shows, where a page has one. */
  readonly label?: string;
  /** Address of its page, with a slash at its end; its files are below it. */
  readonly address: string;
  /** Address of the page that shows this figure alone. */
  readonly embed: string;
  /** True on that page: there the figure's number leads to the page that it comes from. */
  readonly alone?: boolean;
  readonly live: LiveFigure | undefined;
}

/** The figure with all that belongs to it. */
export function renderFigure(stored: StoredFigure, bundle: MimeBundle, place: Placement): RenderedFigure {
  const { number, label, live, address, embed, alone = false } = place;
  const { data, build } = stored;
  const id = `figure-${number}`;
  const files = figureFiles(id, data, bundle);
  const parts = [
    label ? `<span${attributes({ id: label })}></span>` : "",
    picturesHtml(bundle, stored),
    live ? controlsHtml(number, live.params, data.live?.params ?? {}) : "",
    `<figcaption><a class="ptlab-number" href="${escapeHtml(`${alone ? address : ""}#${id}`)}">Figure ${number}</a> <strong>${escapeHtml(data.title)}</strong><span class="ptlab-caption"> ${escapeHtml(data.caption)}</span></figcaption>`,
    `<details class="ptlab-data"><summary>Data table</summary><div class="ptlab-scroll" tabindex="0" role="group" aria-label="Data of figure ${number}">${dataHtml(data)}</div></details>`,
    exportsHtml(files, { page: address, embed }),
    `<p class="ptlab-stamp">${escapeHtml(stampLine(data, build))}</p>`,
  ];
  const html = `<figure class="ptlab-figure not-content"${attributes({ id })}>${parts.join("")}</figure>`;
  if (!live) return { html, files };
  return {
    html: `<ptlab-figure${attributes({ "data-live": live.id, "data-source": build.source })}>${html}</ptlab-figure>`,
    files,
  };
}

/** Title, caption and picture of a figure, for a page that only refers to it. */
export function figureSummary(stored: StoredFigure, bundle: MimeBundle) {
  const { title, caption } = stored.data;
  return { title, caption, html: picturesHtml(bundle, stored) };
}

/** The wide picture and one for a phone, of which the style sheet shows one. */
function picturesHtml(bundle: MimeBundle, stored: StoredFigure): string {
  const wide = pictureHtml("ptlab-wide", bundle["image/svg+xml"], stored.data);
  const narrow = pictureHtml("ptlab-narrow", stored.narrow ?? bundle["image/svg+xml"], stored.data);
  return wide + narrow;
}

function pictureHtml(className: string, svg: Json | undefined, data: FigureData): string {
  const clean = typeof svg === "string" ? sanitizeSvg(svg) : "";
  return `<div class="ptlab-picture ${className}">${clean === "" ? `<p>${escapeHtml(data.alt)}</p>` : clean}</div>`;
}

/** The downloads are the stored outputs themselves, so that page and files cannot disagree; a picture that is more than one is not. */
export function figureFiles(id: string, data: FigureData, bundle: MimeBundle): readonly PageFile[] {
  const svg = bundle["image/svg+xml"];
  const table = bundle["text/plain"];
  return [
    ...(typeof svg === "string" ? [{ name: `${id}.svg`, mime: "image/svg+xml", text: svgFile(svg) }] : []),
    { name: `${id}.csv`, mime: "text/csv", text: toCsv(data) },
    ...(typeof table === "string" ? [{ name: `${id}.txt`, mime: "text/plain", text: table }] : []),
  ];
}
