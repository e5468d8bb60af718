/**
 * `ptlab figure`: makes a live figure without a browser, as its page does, and exports it: text table, CSV or picture.
 */
import { extname } from "node:path";
import { oneOf, UserError } from "../base/errors.ts";
import { alone, exportsOf, type FigureFiles } from "../figure/exports.ts";
import type { Host } from "../figure/figure.ts";
import { liveFigure, liveFigures } from "../figure/live/index.ts";
import type { LiveFigure, LiveParams } from "../figure/live.ts";
import { WIDTHS } from "../figure/recipe.ts";
import { WIDE } from "../figure/render.ts";
import type { ParamSpec } from "../study/experiment.ts";
import type { CommandEffects } from "./effects.ts";
import { makeFigure, readInputs } from "./make-figure.ts";
import { checkWritable, writeWhole } from "./write-file.ts";

/** Options of the command, as typed. */
export interface FigureOptions {
  /** Parameters as `name=value`; those left out take their defaults. */
  readonly set?: readonly string[];
  readonly input?: readonly string[];
  /** File for the figure in the form that the name's ending says; an existing one is replaced. Without, text on standard output. */
  readonly out?: string;
  /** Width of a picture in CSS pixels. */
  readonly width?: string;
}

/** What the command needs from outside. */
export interface FigureEffects extends CommandEffects {
  readonly root: string;
  /** What pictures are drawn with. */
  host(): Promise<Host>;
}

/** Lists the live figures, or makes one. Throws {@link UserError}. */
export async function figureCommand(
  id: string | undefined,
  options: FigureOptions,
  effects: FigureEffects,
): Promise<void> {
  if (id === undefined) {
    if (Object.keys(options).length > 0) throw new UserError("options need a figure: without an id they are listed");
    return effects.out(liveFigures.map(listing).join("\n"));
  }
  const live = liveFigure(id);
  const params = parseParams(live, options.set ?? []);
  const { out } = options;
  const form = formOf(out);
  const width = parseWidth(options, form);
  if (out !== undefined) await checkWritable(out, true);
  const inputs = await readInputs(live, params, { root: effects.root, given: options.input ?? [] });
  const made = await makeFigure(live, params, inputs, effects);
  const files = exportsOf(made, await effects.host(), width);
  if (out === undefined) return effects.out(files[form]);
  const content = form === "svg" ? alone(files.svg) : files[form];
  await writeWhole(out, new TextEncoder().encode(content), effects.signal);
}

const FORMS: readonly (keyof FigureFiles)[] = ["svg", "csv", "txt"];

function formOf(out: string | undefined): keyof FigureFiles {
  if (out === undefined) return "txt";
  return oneOf("ending of a file", extname(out).slice(1), FORMS);
}

function parseWidth({ width }: FigureOptions, form: keyof FigureFiles): number {
  if (width === undefined) return WIDE;
  if (form !== "svg") throw new UserError("--width is for pictures: give -o FILE.svg");
  const { least, most } = WIDTHS;
  const pixels = /^\d{1,5}$/.test(width) ? Number(width) : 0;
  if (pixels >= least && pixels <= most) return pixels;
  throw new UserError(`bad width '${width}': ${least} to ${most} pixels are allowed`);
}

/** What a value may be is for the figure to say, which sees it as typed where it cannot be read as what it should be. */
function parseParams({ params }: LiveFigure, given: readonly string[]): LiveParams {
  const parsed = given.map((text) => {
    const [name, value] = cut(text);
    const spec = params[oneOf("parameter", name, Object.keys(params))]!;
    return [name, parseValue(spec, value)] as const;
  });
  return Object.fromEntries(parsed);
}

function cut(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UserError(`bad --set '${text}': name=value is allowed`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function parseValue({ kind }: ParamSpec, value: string): LiveParams[string] {
  if (kind === "toggle") return value === "true" || value === "false" ? value === "true" : value;
  return kind === "range" && value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function listing({ id, title, params, inputs }: LiveFigure): string {
  const lines = Object.entries(params).map(
    ([name, spec]) => `  ${name}=${shown(spec)}\n    ${spec.label}: ${allowed(spec)}\n`,
  );
  const reads = inputs.length === 0 ? "" : `  reads ${inputs.join(", ")}\n`;
  return `${id}: ${title}\n${lines.join("")}${reads}`;
}

/** A text of several lines would hide the others. */
const shown = (spec: ParamSpec): string => (spec.kind === "text" ? JSON.stringify(spec.default) : String(spec.default));

function allowed(spec: ParamSpec): string {
  switch (spec.kind) {
    case "choice":
      return spec.options.join(", ");
    case "range":
      return `${spec.min} to ${spec.max} in steps of ${spec.step}${spec.unit === undefined ? "" : ` ${spec.unit}`}`;
    case "toggle":
      return "true, false";
    case "text":
      return `text of at most ${spec.max} characters`;
  }
}
