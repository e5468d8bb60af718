/**
 * Something that is shown anew whenever a reader moves one of its controls, and the controls themselves: as widgets where there
 * is a front end, else as it is first shown.
 */
import { setImmediate } from "node:timers";
import { UserError } from "../../base/errors.ts";
import { DISPLAY, type Host } from "../../figure/figure.ts";
import type { MimeBundle } from "../../notebook/format.ts";
import { escapeHtml } from "../../notebook/render/html.ts";
import type { Progress } from "../../study/experiment.ts";
import { currentRun, onRerun, onRunEnd } from "../session/run.ts";
import { bundleHtml } from "../show/bundle-html.ts";
import { present } from "../show/present.ts";
import type { Input } from "./inputs.ts";
import { canShowWidgets, control, layout, type Model, referenceTo, style, widgetView } from "./widgets.ts";

/** Inputs by the names of the parameters that they set. */
export type Inputs = Readonly<Record<string, Input<unknown>>>;
/** The values of inputs by their names. */
export type ValuesOf<S extends Inputs> = { readonly [K in keyof S]: S[K]["value"] };

/** The bundle for these values, telling how far it has come. */
type Draw<S extends Inputs> = (values: ValuesOf<S>, progress: Progress) => Promise<MimeBundle>;

/**
 * A value that shows what `show` returns for the inputs' values, below their controls, and again when one is moved. Of moves
 * that come faster than `show` is done only the last is shown. An input without a label goes by its name.
 */
export function controls<S extends Inputs>(inputs: S, show: (values: ValuesOf<S>) => unknown): object {
  const at =
    (host: Host): Draw<S> =>
    async (values) =>
      present(await show(values), async () => host, false);
  return {
    [DISPLAY]: async (host: Host) => withControls(inputs, await at(host)(valuesOf(inputs), () => {}), at(host)),
  };
}

/** The bundle, and where there is a front end also a view of it below controls that draw it again. */
export function withControls<S extends Inputs>(inputs: S, first: MimeBundle, draw: Draw<S>): MimeBundle {
  if (!canShowWidgets()) return first;
  // All that is kept of it: a session may make thousands of these.
  const firstHtml = bundleHtml(first);
  const panel = openPanel(firstHtml);
  const { shown, status, reset } = panel;
  let resets = 0;
  const redraw = latestOnly(async () => {
    const before = resets;
    const bundle = await computed(panel, (progress) => draw(valuesOf(inputs), progress));
    if (bundle !== undefined && before === resets) shown.set({ value: bundleHtml(bundle) });
  });
  for (const input of Object.values(inputs)) shown.onClose(input.observe(redraw.run));
  const initial = valuesOf(inputs);
  reset.onCustom(() => {
    resets++;
    redraw.forget();
    for (const [name, input] of Object.entries(inputs)) input.put(initial[name]);
    shown.set({ value: firstHtml });
    panel.say("");
    reset.set({ disabled: true });
  });
  const all = Object.entries(inputs).map(([name, input]) => referenceTo(input.control(name)));
  const box = control("VBox", { children: [...all, reset, status, shown] });
  onRerun(() => {
    redraw.forget();
    box.close();
    for (const input of Object.values(inputs)) input.release();
  });
  return { ...widgetView(box), ...first };
}

interface Panel {
  readonly shown: Model;
  readonly status: Model;
  readonly reset: Model;
  say(text: string): void;
}

function openPanel(html: string): Panel {
  // Its room is kept, so that the picture stays where it is.
  const status = control("HTML", { value: "", layout: layout({ min_height: "28px" }) });
  return {
    shown: control("HTML", { value: html, _dom_classes: OUTPUT_CLASSES }),
    reset: control("Button", { description: "Reset", disabled: true, style: style("Button", {}) }),
    status,
    say: (text) => status.set({ value: text === "" ? "" : `<p role="status">${escapeHtml(text)}</p>` }),
  };
}

/** What is computed, or nothing where that is a user's mistake; says what goes on. */
async function computed<T>({ reset, say }: Panel, compute: (progress: Progress) => Promise<T>): Promise<T | undefined> {
  say("Running");
  reset.set({ disabled: false });
  const forget = onRunEnd((how) => how === "interrupted" && say("Stopped; the picture is as it was before."));
  try {
    const result = await compute(throttled(say));
    say("");
    return result;
  } catch (error) {
    say(`This could not be computed: ${error instanceof Error ? error.message : error}`);
    // By name: after an edit the cell's class is not the kernel's.
    if (error instanceof Error && error.name === UserError.name) return undefined;
    throw error;
  } finally {
    forget();
  }
}

/** Under these the classic Notebook and JupyterLab style a table as they do in an output. */
const OUTPUT_CLASSES = ["rendered_html", "jp-RenderedHTMLCommon"];

const valuesOf = <S extends Inputs>(inputs: S): ValuesOf<S> =>
  Object.fromEntries(Object.entries(inputs).map(([name, { value }]) => [name, value])) as ValuesOf<S>;

/** Tells whole per cents, each once. */
function throttled(say: (text: string) => void): Progress {
  let told = 0;
  return (done, total) => {
    const percent = Math.floor((100 * done) / total);
    if (percent > told) say(`Running, ${percent} %`);
    told = Math.max(told, percent);
  };
}

/** Turns of the event loop in which what has arrived meanwhile is taken in: one to read it, one to handle it, one to spare. */
const TURNS = 3;

/**
 * Runs a job one after another, and of the calls that come while it runs only the last: that one waits, as part of the message that
 * caused it, so that what the job puts out belongs to the newest; those before it end at once. `forget` ends the one that waits.
 */
function latestOnly(job: () => Promise<void>): { run(): Promise<void>; forget(): void } {
  let newest = 0;
  let overtake = () => {};
  let current: { readonly run: ReturnType<typeof currentRun>; readonly done: Promise<void> } | undefined;
  const forget = () => {
    newest++;
    overtake();
  };
  const run = async () => {
    forget();
    const mine = newest;
    const { promise: overtaken, resolve } = Promise.withResolvers<void>();
    overtake = resolve;
    // What an interrupt has ended is never done.
    if (current !== undefined && !current.run?.interrupted) await Promise.race([current.done, overtaken]);
    for (let turn = 0; turn < TURNS && mine === newest; turn++) await new Promise((next) => setImmediate(next));
    if (mine !== newest) return;
    const done = job();
    current = { run: currentRun(), done: done.catch(() => {}) };
    await done;
  };
  return { run, forget };
}
