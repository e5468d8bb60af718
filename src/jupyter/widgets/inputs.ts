/**
 * Values that a reader sets: a slider, a menu, a box to tick, a text. Each is a value that a cell can read and watch, and that
 * shows itself as a control where there is a front end.
 */
import { oneOf, UserError } from "../../base/errors.ts";
import { DISPLAY } from "../../figure/figure.ts";
import type { Json, MimeBundle } from "../../notebook/format.ts";
import { MOST_RADIOS, OWN, rowsOf, sampleOf } from "../../notebook/render/controls.ts";
import type { ParamSpec } from "../../study/experiment.ts";
import { onRerun } from "../session/run.ts";
import { canShowWidgets, control, layout, type Model, style, widgetView } from "./widgets.ts";

/** A value that a reader sets. */
export interface Input<T> {
  /** Setting it moves the control and tells the listeners, as if the reader had moved it. */
  value: T;
  /** Calls the listener with every new value; returns what ends that. */
  observe(listener: (value: T) => unknown): () => void;
  /** Sets the value and resolves when all listeners are through with it. */
  change(value: T): Promise<void>;
  /** Sets the value and moves the control, but tells no listener. */
  put(value: T): void;
  /** The control, under this label where it has none of its own. Made when it is asked for and nobody has it yet. */
  control(label?: string): Model;
  /** Gives the control back; it is closed when all who asked for it have done so. */
  release(): void;
  readonly [DISPLAY]: () => MimeBundle;
}

/** What {@link slider} takes; `step` is 1 and `value` the least unless given. */
export interface SliderOptions {
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly value?: number;
  readonly label?: string;
  readonly unit?: string;
}

/** A number from `min` to `max`. */
export function slider({ min, max, step = 1, value = min, label = "", unit }: SliderOptions): Input<number> {
  const given = `slider with min ${min}, max ${max}, step ${step}, value ${value}`;
  if (![min, max, step, value].every(Number.isFinite)) throw new UserError(`${given}: each must be a finite number`);
  if (min > max || value < min || value > max) throw new UserError(`${given}: min <= value <= max must hold`);
  if (step <= 0) throw new UserError(`${given}: step must be greater than 0`);
  return rangeInput({ kind: "range", label, min, max, step, default: value, unit });
}

/** One of the options; the first unless another is given. */
export function select(
  options: readonly string[],
  { value = options[0]!, label = "" }: { readonly value?: string; readonly label?: string } = {},
): Input<string> {
  if (options.length === 0) throw new UserError("select: there must be at least one option");
  return choiceInput({ kind: "choice", label, options, default: oneOf("option", value, options) });
}

/** Yes or no. */
export const checkbox = (value = false, { label = "" }: { readonly label?: string } = {}): Input<boolean> =>
  toggleInput({ kind: "toggle", label, default: value });

/** A text of several lines. */
export const textBox = (value = "", { label = "" }: { readonly label?: string } = {}): Input<string> =>
  textInput({ kind: "text", label, default: value, max: Number.MAX_SAFE_INTEGER, samples: {} });

/** The control that a page shows for a parameter of a live figure. */
export function inputOf(spec: ParamSpec): Input<string> | Input<number> | Input<boolean> {
  if (spec.kind === "range") return rangeInput(spec);
  if (spec.kind === "choice") return choiceInput(spec);
  return spec.kind === "toggle" ? toggleInput(spec) : textInput(spec);
}

type Spec<K extends ParamSpec["kind"]> = ParamSpec & { readonly kind: K };

/** How a value is drawn: `model` carries it in an attribute, `root` is what is shown. */
interface Drawn<T> {
  readonly root: Model;
  readonly model: Model;
  readonly attribute: string;
  toState(value: T): Json;
  /** Undefined for what is no value of this input: a front end may send anything. */
  fromState(state: Json | undefined): T | undefined;
}

function rangeInput({ label, min, max, step, unit, default: value }: Spec<"range">): Input<number> {
  const isWhole = [min, max, step].every(Number.isInteger);
  const digits = Math.max(...[min, step].map((n) => /\.(\d+)$/.exec(String(n))?.[1]?.length ?? 0));
  // A float slider gives sums of steps, which are not the doubles that the steps' own numerals stand for.
  const snapped = (given: number) => Number((min + Math.round((given - min) / step) * step).toFixed(digits));
  return input(label, value, (description, now) => {
    const root = control(isWhole ? "IntSlider" : "FloatSlider", {
      ...{ ...described(unit === undefined ? description : `${description}, ${unit}`, "Slider"), min, max, step },
      ...{ value: now, readout: true, readout_format: isWhole ? "d" : `.${digits}f`, continuous_update: true },
      ...{ orientation: "horizontal", behavior: "drag-tap", layout: wide() },
    });
    const fromState = (state: Json | undefined) =>
      typeof state === "number" ? Math.min(max, Math.max(min, snapped(state))) : undefined;
    return { root, model: root, attribute: "value", toState: (n) => n, fromState };
  });
}

/** Few options are shown whole, as on a page; more are a menu. */
function choiceInput({ label, options, default: value }: Spec<"choice">): Input<string> {
  return input(label, value, (description, now) => {
    const index = options.indexOf(now);
    const state = { ...described(description, "Description"), _options_labels: options, index, layout: wide() };
    const root = control(options.length <= MOST_RADIOS ? "RadioButtons" : "Dropdown", state);
    const fromState = (at: Json | undefined) => (typeof at === "number" ? options[at] : undefined);
    return { root, model: root, attribute: "index", toState: (option) => options.indexOf(option), fromState };
  });
}

function toggleInput({ label, default: value }: Spec<"toggle">): Input<boolean> {
  return input(label, value, (description, now) => {
    const state = { ...described(description, "Checkbox"), value: now, indent: true, layout: wide() };
    const root = control("Checkbox", state);
    const fromState = (given: Json | undefined) => (typeof given === "boolean" ? given : undefined);
    return { root, model: root, attribute: "value", toState: (on) => on, fromState };
  });
}

/** A text and, where there are samples, a menu that puts one of them into the text. */
function textInput({ label, max, samples, default: value }: Spec<"text">): Input<string> {
  const made: Input<string> = input(label, value, (description, now) => {
    const hasSamples = Object.keys(samples).length > 0;
    const words = { ...described(hasSamples ? "" : description, "Text"), value: now, rows: rowsOf(now) };
    // Half-written words are mistakes: a text is sent when the reader leaves it.
    const model = control("Textarea", { ...words, continuous_update: false, layout: wide() });
    const fromState = (text: Json | undefined) => (typeof text === "string" ? text.slice(0, max) : undefined);
    const root = hasSamples ? withSamples(description, model, samples, made) : model;
    return { root, model, attribute: "value", toState: (text) => text, fromState };
  });
  return made;
}

function withSamples(label: string, text: Model, samples: Spec<"text">["samples"], of: Input<string>): Model {
  const options = [...Object.keys(samples), OWN];
  const chosen = (value: string) => options.indexOf(sampleOf(value, samples));
  const menu = control("Dropdown", {
    ...{ ...described(label, "Description"), _options_labels: options, index: chosen(of.value), layout: wide() },
  });
  menu.onChange(async ({ index }) => {
    const sample = samples[options[Number(index)]!];
    if (sample !== undefined) await of.change(sample);
  });
  menu.onClose(of.observe((value) => menu.set({ index: chosen(value) })));
  return control("VBox", { children: [menu, text] });
}

// The front end's own widths cut labels short; one width for all lets the controls stand below each other.
const LABEL = "15em";
const wide = () => layout({ width: "45em" });

const described = (description: string, styleName: string) => ({
  ...{ description, description_allow_html: false, disabled: false },
  style: style(styleName, { description_width: LABEL }),
});

function input<T extends Json>(label: string, first: T, draw: (label: string, value: T) => Drawn<T>): Input<T> {
  let value = first;
  const { observe, tell } = createListeners<T>();
  const moved = async (next: T) => {
    if (next === value) return;
    value = next;
    await tell(next);
  };
  const drawing = createDrawing((name) => draw(label || name, value), moved);
  const put = (next: T) => {
    value = next;
    drawing.put(next);
  };
  const change = (next: T) => {
    put(next);
    return tell(next);
  };
  return {
    get value() {
      return value;
    },
    set value(next) {
      void change(next);
    },
    ...{ change, put, observe },
    control: (name = "") => drawing.use(name),
    release: drawing.release,
    [DISPLAY]() {
      const text = { "text/plain": [label, String(value)].filter(Boolean).join(": ") };
      if (!canShowWidgets()) return text;
      onRerun(drawing.release);
      return { ...widgetView(drawing.use("")), ...text };
    },
  };
}

function createListeners<T>() {
  const listeners = new Set<(value: T) => unknown>();
  return {
    observe(listener: (value: T) => unknown) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async tell(value: T) {
      await Promise.all([...listeners].map(async (listener) => listener(value)));
    },
  };
}

/** What is drawn, from its first use to the release of its last one; `moved` hears what the reader sets. */
function createDrawing<T>(draw: (label: string) => Drawn<T>, moved: (value: T) => Promise<void>) {
  let drawn: Drawn<T> | undefined;
  let users = 0;
  const make = (label: string) => {
    const made = draw(label);
    made.model.onChange(async (changes) => {
      const value = made.fromState(changes[made.attribute]);
      if (value !== undefined) await moved(value);
    });
    return made;
  };
  return {
    use(label: string): Model {
      users++;
      drawn ??= make(label);
      return drawn.root;
    },
    put(value: T) {
      drawn?.model.set({ [drawn.attribute]: drawn.toState(value) });
    },
    release() {
      if (--users > 0) return;
      drawn?.root.close();
      drawn = undefined;
    },
  };
}
