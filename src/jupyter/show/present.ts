/**
 * A value as a notebook shows it. A value that can present itself does; rows become a table; a promise is waited for; any
 * other value is printed.
 */

import { DISPLAY, FIGURE_MIME, type Figure, type Host, MADE_BY } from "../../figure/figure.ts";
import type { LiveFigure, MadeBy } from "../../figure/live.ts";
import type { Tree } from "../../mmu/translate.ts";
import { WALKED } from "../../mmu/walked.ts";
import type { Json, MimeBundle } from "../../notebook/format.ts";
import { commsAreHeard } from "../widgets/comms.ts";
import { canShowWidgets } from "../widgets/widgets.ts";
import { tableBundle } from "./rows.ts";
import { valueText } from "./values.ts";

/**
 * The mime bundle of a value, empty for nothing; `host` is asked for only by values that draw. Without `controls` a figure is
 * shown as it is, also where it could be made again.
 */
export async function present(value: unknown, host: () => Promise<Host>, controls = true): Promise<MimeBundle> {
  // Forgotten awaits are common, and nobody wants to see a promise: its failure is the cell's.
  if (value instanceof Promise) return present(await value, host, controls);
  if (value === undefined) return {};
  const given = await ownBundle(value, host);
  if (given !== undefined) return presentSelf(value as object, given, host, controls);
  if (isLive(value)) return present(await (await liveControls()).defaultFigure(value), host, controls);
  if (isWalk(value)) return present(await drawn(value), host);
  return elementBundle(value) ?? tableBundle(value) ?? { "text/plain": valueText(value) };
}

/** What the value's own method gives. One that takes no host does not have to wait until a document is made. */
async function ownBundle(value: unknown, host: () => Promise<Host>): Promise<Record<string, unknown> | undefined> {
  const method = (value as { [DISPLAY]?: unknown } | null)?.[DISPLAY];
  if (typeof method !== "function") return undefined;
  const given: unknown = await method.call(value, method.length === 0 ? undefined : await host());
  return typeof given === "object" && given !== null ? (given as Record<string, unknown>) : undefined;
}

// Loaded on first use: a session starts without them.
const liveControls = () => import("../widgets/live-controls.ts");
const figureHtml = () => import("./bundle-html.ts");

const isLive = (value: unknown): value is LiveFigure =>
  ["make", "inputsFor", "plot"].every((key) => typeof (value as Record<string, unknown> | null)?.[key] === "function");

interface Walked {
  [WALKED](): { readonly tree: Tree; readonly vpn: number };
}

const isWalk = (value: unknown): value is Walked => typeof (value as Partial<Walked> | null)?.[WALKED] === "function";

async function drawn(walk: Walked): Promise<Figure> {
  const { walkDrawing } = await import("../../figure/walk-drawing.ts");
  const { tree, vpn } = walk[WALKED]();
  return walkDrawing(tree, vpn);
}

/** A figure, and not another value that says it is one. */
const isFigure = (value: object, bundle: MimeBundle): boolean =>
  bundle[FIGURE_MIME] !== undefined && typeof (value as Partial<Figure>).plot === "function";

/** What a value says of itself, and where a front end is there what it can show besides. */
async function presentSelf(
  value: object,
  given: Readonly<Record<string, unknown>>,
  host: () => Promise<Host>,
  controls: boolean,
): Promise<MimeBundle> {
  const bundle = plainBundle(given);
  if (!commsAreHeard() || !isFigure(value, bundle)) return bundle;
  const place = await host();
  const whole = (await figureHtml()).withHtml(bundle, place.build);
  const made = controls && canShowWidgets() ? (value as { [MADE_BY]?: MadeBy })[MADE_BY] : undefined;
  return made === undefined ? whole : (await liveControls()).liveBundle(made, whole, place);
}

/** A bundle as it is stored and sent: bytes in base64, everything else as JSON has it. */
export function plainBundle(bundle: Readonly<Record<string, unknown>>): MimeBundle {
  return Object.fromEntries(
    Object.entries(bundle).flatMap(([mime, content]) => {
      if (content === undefined) return [];
      const bytes = content instanceof Uint8Array ? base64(content) : undefined;
      return [[mime, bytes ?? (JSON.parse(JSON.stringify(content)) as Json)]];
    }),
  );
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** An element of a document, such as a plot that was drawn in the cell itself. */
function elementBundle(value: unknown): MimeBundle | undefined {
  const element = value as { nodeType?: unknown; outerHTML?: unknown; tagName?: unknown } | null;
  if (element?.nodeType !== 1 || typeof element.outerHTML !== "string") return undefined;
  const mime = String(element.tagName).toLowerCase() === "svg" ? "image/svg+xml" : "text/html";
  return { [mime]: element.outerHTML, "text/plain": `<${String(element.tagName).toLowerCase()}>` };
}
