// The controls of a live figure as values: reading them, setting them, and what stands beside them.
import type { LiveParams } from "../../src/figure/live.ts";

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const controls = (form: HTMLFormElement): readonly Control[] => [...form.querySelectorAll<Control>("[data-kind]")];

/** The values of all parameters as the controls show them. */
export function readParams(form: HTMLFormElement): LiveParams {
  const params: Record<string, string | number | boolean> = {};
  for (const control of controls(form)) {
    if (control.dataset.kind === "range") params[control.name] = Number(control.value);
    else if (control instanceof HTMLInputElement && control.type === "checkbox") params[control.name] = control.checked;
    else if (!(control instanceof HTMLInputElement) || control.checked) params[control.name] = control.value;
  }
  return params;
}

/** Sets the controls to these values, which must be allowed ones. */
export function writeParams(form: HTMLFormElement, params: LiveParams): void {
  for (const control of controls(form)) {
    const value = params[control.name]!;
    if (!(control instanceof HTMLInputElement) || control.type === "range") control.value = String(value);
    else control.checked = control.type === "checkbox" ? value === true : control.value === value;
    showBeside(control);
  }
}

/** Sets the controls to the stored values. */
export function resetParams(form: HTMLFormElement): void {
  form.reset();
  for (const control of controls(form)) showBeside(control);
}

/**
 * Puts a text into a control for the reader, and has the figure made at once. Told by the form: a text that tells it itself is
 * being written, and is not read before it rests.
 */
export function giveText(area: HTMLTextAreaElement, text: string): void {
  area.value = text;
  area.form!.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Shows what belongs to a control that has got another value: the number beside a slider, the sample that a text is. */
export function showBeside(control: EventTarget): void {
  if (control instanceof HTMLInputElement && control.type === "range") showNumber(control);
  if (control instanceof HTMLSelectElement && control.dataset.sampleOf !== undefined) takeSample(control);
  if (control instanceof HTMLTextAreaElement) showSample(control);
}

function showNumber(slider: HTMLInputElement): void {
  const output = slider.parentElement?.querySelector("output");
  if (output) output.textContent = [slider.value, output.dataset.unit].filter(Boolean).join(" ");
}

function takeSample(menu: HTMLSelectElement): void {
  const text = menu.selectedOptions[0]?.dataset.text;
  const area = menu.parentElement?.querySelector("textarea");
  if (area && text) area.value = text;
}

function showSample(area: HTMLTextAreaElement): void {
  const menu = area.parentElement?.querySelector<HTMLSelectElement>("[data-sample-of]");
  if (!menu) return;
  const sample = [...menu.options].find((option) => option.dataset.text === area.value);
  menu.value = sample?.value ?? menu.dataset.own!;
}
