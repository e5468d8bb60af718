/**
 * A figure as one self-contained SVG: legend, axes that say how their numbers came about, alternative text, recipe.
 * Equal figures give equal bytes, whatever was drawn before, in Node and in a browser; only where a screen has one device
 * pixel for each CSS pixel does Plot move marks by half of one, to keep thin lines sharp.
 */
import * as Plot from "@observablehq/plot";
import { digest } from "../base/digest.ts";
import { BrokenInvariant, UserError } from "../base/errors.ts";
import { dataOf } from "./create.ts";
import type { Figure, Host } from "./figure.ts";
import { type FrameRecord, makeFrame } from "./frame.ts";
import { isGeometry, roundGeometry } from "./geometry.ts";
import { drawLegend, drawRamp, gradient, textures } from "./legend.ts";
import { FONT_FAMILY, FONT_SIZE } from "./measure.ts";
import { recipeOf } from "./recipe.ts";
import { type Drawn, isContinuous, makeRoom, shownAxisLabel, tickLabels } from "./room.ts";
import { canonicalJson } from "./stamp.ts";
import { type Element, el, elements, fromDom, mapAttributes, print } from "./xml.ts";

/** Width of a picture where none is given, in CSS pixels: a text column on a desktop. */
export const WIDE = 680;
/** Width of a picture for a phone, in CSS pixels. */
export const NARROW = 344;

/**
 * The picture as text of one `<svg>` element. Ink is `currentColor`, so it follows a dark page. Width in CSS pixels.
 * Throws {@link UserError} where a numeric axis is not labelled through `frame.axis`, or a colour is not in the legend.
 */
export function toSvg(figure: Figure, host: Host, { width = WIDE }: { width?: number } = {}): string {
  const recipe = recipeOf(figure, host, width);
  const id = `ptlab-${digest(canonicalJson({ ...dataOf(figure), recipe }))}`;
  const { frame, used } = makeFrame(figure, width, id);
  const drawn = drawFitted(figure.plot(Plot, frame), width, host.document);
  checkAxes(figure, drawn, used);
  checkColours(figure, drawn, used);
  const entries = [...used.legend.values()];
  if (used.ramp !== null && entries.length > 0)
    throw new UserError(`figure '${figure.title}': shades and series in one picture have no common legend`);
  const legend = used.ramp === null ? drawLegend(entries, width, host.document) : drawRamp(used.ramp, width, id);
  const height = Math.ceil(Number(drawn.root.attributes.height) + legend.height);
  const content = el(
    "g",
    { transform: `translate(0,${legend.height})`, "font-variant": "tabular-nums" },
    marks(drawn.root),
  );
  return print(
    el("svg", rootAttributes(id, width, height), [
      el("title", { id: `${id}-title` }, [figure.title]),
      el("desc", { id: `${id}-desc` }, [figure.alt]),
      el("metadata", {}, [canonicalJson(recipe)]),
      ...defs([...textures(entries, id), ...(used.ramp === null ? [] : [gradient(id)])]),
      nameless(legend.content),
      nameless(tidy(content, id)),
    ]),
  );
}

function rootAttributes(id: string, width: number, height: number): Record<string, string | number> {
  return {
    xmlns: "http://www.w3.org/2000/svg",
    class: "ptlab-plot",
    role: "img",
    "aria-labelledby": `${id}-title ${id}-desc`,
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    fill: "currentColor",
    "font-family": FONT_FAMILY,
    "font-size": FONT_SIZE,
    "text-anchor": "middle",
    style: "max-width:100%;height:auto;white-space:pre",
  };
}

function defs(patterns: readonly Element[]): Element[] {
  return patterns.length === 0 ? [] : [el("defs", {}, patterns)];
}

/** Drawn once to see the words, then with room for these; each time, words break or ticks thin out until all have room. */
function drawFitted(author: Plot.PlotOptions, width: number, document: Document): Drawn {
  let options = author;
  let drawn = draw(options, width, document);
  // A picture that sets its own margin and height has placed its words itself.
  if (author.margin !== undefined && author.height !== undefined) return drawn;
  for (let pass = 0; pass < 3; pass++) {
    options = makeRoom(author, options, drawn, width);
    drawn = draw(options, width, document);
  }
  return drawn;
}

function draw(options: Plot.PlotOptions, width: number, document: Document): Drawn {
  // Plot wraps the picture in an HTML figure for legends, titles and captions; here these have places of their own.
  const bare = { title: undefined, subtitle: undefined, caption: undefined, figure: false };
  const withoutLegends = {
    color: options.color && { ...options.color, legend: false },
    symbol: options.symbol && { ...options.symbol, legend: false },
    opacity: options.opacity && { ...options.opacity, legend: false },
  };
  const style = { fontSize: `${FONT_SIZE}px` };
  const svg = Plot.plot({ ...options, ...bare, ...withoutLegends, style, width, document } as Plot.PlotOptions);
  return { root: fromDom(svg), scale: (name) => svg.scale(name) };
}

function marks(root: Element): Element[] {
  return root.children.filter((child) => typeof child !== "string").filter((child) => child.name !== "style");
}

/** Plot numbers its clip paths by a counter of the process, and prints seventeen digits where two show. */
function tidy(root: Element, prefix: string): Element {
  const ids = new Map<string, string>();
  for (const { attributes } of elements(root))
    if (attributes.id !== undefined) ids.set(attributes.id, `${prefix}-${ids.size}`);
  return mapAttributes(root, (name, value) => {
    if (name === "id") return ids.get(value)!;
    if (name === "href") return value.replace(/^#(.+)$/, (whole, id) => (ids.has(id) ? `#${ids.get(id)}` : whole));
    const linked = value.replace(/url\(#([^)]+)\)/g, (whole, id) => (ids.has(id) ? `url(#${ids.get(id)})` : whole));
    return isGeometry(name) ? roundGeometry(linked) : linked;
  });
}

/** Plot gives names to groups that have no role, where ARIA 1.2 (section 5.2.8.6) forbids them; the picture has one. */
const nameless = (root: Element): Element =>
  mapAttributes(root, (name, value) => (name === "aria-label" ? undefined : value));

function checkAxes(figure: Figure, drawn: Drawn, used: FrameRecord): void {
  for (const name of ["x", "y", "fx", "fy"] as const) {
    const label = shownAxisLabel(drawn, name);
    const silent = label === undefined && isContinuous(drawn.scale(name)) && tickLabels(drawn, name).length > 0;
    if (silent) throw new UserError(`figure '${figure.title}': the numeric ${name} axis has no label; ${AXIS_HINT}`);
    if (label !== undefined && !used.axisLabels.has(label))
      throw new UserError(`figure '${figure.title}': the ${name} axis is labelled '${label}'; ${AXIS_HINT}`);
  }
}

const AXIS_HINT = "make it with frame.axis(key), so that it says counted, modelled or measured";

/** Whether a scale of shades is the one that the legend explains: no other may have slipped in. */
function isRamp({ type, domain }: Plot.Scale, { ramp }: FrameRecord): boolean {
  return type === "linear" && ramp !== null && String(domain) === String(ramp.domain);
}

function checkColours(figure: Figure, drawn: Drawn, used: FrameRecord): void {
  for (const name of ["color", "symbol"] as const) {
    const scale = drawn.scale(name);
    if (scale === undefined) continue;
    const missing = [...(scale.domain ?? [])].find((value) => !used.legend.has(String(value)));
    if (scale.type === "ordinal" && missing === undefined) continue;
    if (name === "color" && isRamp(scale, used)) continue;
    const what = scale.type === "ordinal" ? `'${missing}'` : `a ${scale.type} scale`;
    throw new UserError(
      `figure '${figure.title}': the ${name} of ${what} has no legend; use frame.series, frame.colours or frame.ramp`,
    );
  }
  if (drawn.root.name !== "svg") throw new BrokenInvariant(`Plot drew a ${drawn.root.name}`);
}
