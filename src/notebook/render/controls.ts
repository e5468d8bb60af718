/**
 * The controls of a live figure, generated from the description of its parameters and part of the page from the start,
 * so that nothing moves when they come alive. Without script they stay hidden.
 */
import type { ParamSpec, ParamSpecs } from "../../study/experiment.ts";
import { attributes, escapeHtml } from "./html.ts";

/** Longer lists of choices are a menu; shorter ones are shown whole. */
export const MOST_RADIOS = 4;

/** A form with one control for each parameter. `figure` is the number of the figure that they change. */
export function controlsHtml(figure: number, specs: ParamSpecs, values: Readonly<Record<string, unknown>>): string {
  const controls = Object.entries(specs).map(([name, spec]) =>
    controlHtml(`figure-${figure}-${name}`, name, spec, values[name] ?? spec.default),
  );
  return `<form class="ptlab-controls" aria-label="Change figure ${figure}"><fieldset disabled><legend>Try other values</legend>${controls.join("")}</fieldset><div class="ptlab-below"><p class="ptlab-status" role="status" aria-live="polite"></p><span class="ptlab-running" aria-hidden="true"></span><button type="button" data-action="cancel" hidden>Stop</button><button type="button" data-action="reset" hidden>Reset</button></div></form>`;
}

function controlHtml(id: string, name: string, spec: ParamSpec, value: unknown): string {
  switch (spec.kind) {
    case "choice":
      return spec.options.length <= MOST_RADIOS
        ? radios(id, name, spec.label, spec.options, value)
        : menu(id, name, spec.label, spec.options, value);
    case "range":
      return slider(id, name, spec, value);
    case "text":
      return textArea(id, name, spec, String(value));
    case "toggle":
      return `<label class="ptlab-control ptlab-toggle"><input type="checkbox"${attributes({ name, "data-kind": "toggle", checked: value === true })}> ${escapeHtml(spec.label)}</label>`;
  }
}

function radios(id: string, name: string, label: string, options: readonly string[], value: unknown): string {
  const items = options.map(
    (option) =>
      `<label><input type="radio"${attributes({ name, value: option, "data-kind": "choice", checked: option === value })}> ${escapeHtml(option)}</label>`,
  );
  return `<div class="ptlab-control" role="radiogroup"${attributes({ "aria-labelledby": `${id}-label` })}><span${attributes({ id: `${id}-label` })}>${escapeHtml(label)}</span><span class="ptlab-radios">${items.join("")}</span></div>`;
}

function menu(id: string, name: string, label: string, options: readonly string[], value: unknown): string {
  const items = options.map(
    (option) => `<option${attributes({ value: option, selected: option === value })}>${escapeHtml(option)}</option>`,
  );
  return `<div class="ptlab-control"><label${attributes({ for: id })}>${escapeHtml(label)}</label><select${attributes({ id, name, "data-kind": "choice" })}>${items.join("")}</select></div>`;
}

function slider(id: string, name: string, spec: ParamSpec & { kind: "range" }, value: unknown): string {
  const { min, max, step, unit } = spec;
  const input = attributes({ type: "range", id, name, min, max, step, value: String(value), "data-kind": "range" });
  return `<div class="ptlab-control"><label${attributes({ for: id })}>${escapeHtml(spec.label)}</label><span class="ptlab-slider"><input${input}><output${attributes({ for: id, "data-unit": unit })}>${escapeHtml(`${value}${unit ? ` ${unit}` : ""}`)}</output></span></div>`;
}

/** Lines that the control shows at least and at most; it scrolls beyond. */
const TEXT_ROWS = { least: 6, most: 14 };
/** Name of no sample: the reader's own text. */
export const OWN = "your own";

/** The lines that a text's control shows. */
export const rowsOf = (value: string): number =>
  Math.min(TEXT_ROWS.most, Math.max(TEXT_ROWS.least, value.split("\n").length));

/** The name of the sample that a text is. */
export const sampleOf = (value: string, samples: Readonly<Record<string, string>>): string =>
  Object.keys(samples).find((key) => samples[key] === value) ?? OWN;

/** A menu of samples, which is no parameter but fills the text, and the text. A line feed right behind the tag would be lost. */
function textArea(id: string, name: string, spec: ParamSpec & { kind: "text" }, value: string): string {
  const { label, max, samples, oneLine } = spec;
  const chosen = sampleOf(value, samples);
  const options = [...Object.entries(samples), [OWN, ""] as const].map(
    ([key, text]) =>
      `<option${attributes({ value: key, "data-text": text, selected: key === chosen })}>${escapeHtml(key)}</option>`,
  );
  const menu = `<label${attributes({ for: `${id}-sample` })}>${escapeHtml(label)}</label><select${attributes({ id: `${id}-sample`, "data-sample-of": id, "data-own": OWN })}>${options.join("")}</select>`;
  const area = attributes({
    id,
    name,
    rows: oneLine ? 1 : rowsOf(value),
    maxlength: max,
    spellcheck: "false",
    autocapitalize: "off",
  });
  return `<div class="ptlab-control ptlab-text-control">${menu}<textarea${area}${attributes({ "aria-label": `${label}, text`, "data-kind": "text" })}>\n${escapeHtml(value)}</textarea></div>`;
}
