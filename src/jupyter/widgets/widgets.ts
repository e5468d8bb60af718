/**
 * Widgets over comms, by the protocol of @jupyter-widgets (messaging 2.1, ipywidgets 8): a model is a bag of state that the
 * front end draws and changes. Source: jupyter-widgets/ipywidgets, packages/schema/messages.md.
 */
import type { Json, JsonObject, MimeBundle } from "../../notebook/format.ts";
import { currentRun } from "../session/run.ts";
import { type Comm, commsAreHeard, openComm, registerCommTarget } from "./comms.ts";

/** Media type of a widget's place in the output. */
export const WIDGET_MIME = "application/vnd.jupyter.widget-view+json";

const TARGET = "jupyter.widget";
const METADATA = { version: "2.1.0" };
/** Versions of the front end's modules that the states below are written for. */
const VERSION = "2.0.0";

/** State of a model by its attributes; a model as a value is a reference to it. */
export type WidgetState = Readonly<Record<string, Json | Model | readonly (Model | string)[]>>;

/** One model that front ends draw. */
export interface Model {
  readonly id: string;
  get(attribute: string): Json | undefined;
  /** Changes the state here and in the front ends. */
  set(changes: WidgetState): void;
  /** Called with what a front end has changed, when it has been taken over. */
  onChange(listener: (changes: JsonObject) => unknown): void;
  /** Called with what a front end says beside the state, such as a button's click. */
  onCustom(listener: (content: Json) => unknown): void;
  /** Called when either side has closed the model. */
  onClose(listener: () => void): void;
  /** Closes the model and those that it was made of; from then on it is nowhere to be seen. */
  close(): void;
}

interface Live {
  readonly comm: Comm;
  readonly kind: JsonObject;
  /** The models that it was made of. */
  readonly parts: readonly Model[];
  state: JsonObject;
}

/** The models of this session that a front end may ask for again, when it has been loaded anew. */
const live = new Map<string, Live>();

/**
 * Whether a front end may draw widgets and somebody looks on who can move them. Elsewhere none are made: a stored run has no
 * front end, and one that works unattended, as nbconvert does, takes no input.
 */
export const canShowWidgets = (): boolean => commsAreHeard() && currentRun()?.isAttended === true;

/** A model of @jupyter-widgets/controls, such as `IntSlider`, whose style and layout are models as well. */
export const control = (name: string, state: WidgetState): Model =>
  open(`${name}Model`, "controls", { ...state, _view_name: `${name}View`, layout: state.layout ?? layout() });

/** How wide the label of a control is, and how it looks; `name` is that of the style's model. */
export const style = (name: string, state: WidgetState): Model =>
  open(`${name}StyleModel`, "controls", { ...BASE_VIEW, _view_name: "StyleView", ...state });

/** Where a control stands; without attributes, as the front end has it. */
export const layout = (state: WidgetState = {}): Model =>
  open("LayoutModel", "base", { ...BASE_VIEW, _view_name: "LayoutView", ...state });

/** A model as a value in another one's state; given so, it stays when the other is closed. */
export const referenceTo = ({ id }: Model): string => `IPY_MODEL_${id}`;

/** The part of a mime bundle that shows a model. */
export const widgetView = ({ id }: Model): MimeBundle => ({
  [WIDGET_MIME]: { version_major: 2, version_minor: 0, model_id: id },
});

const BASE_VIEW = { _view_module: "@jupyter-widgets/base", _view_module_version: VERSION };

function open(name: string, module: "base" | "controls", given: WidgetState): Model {
  const from = `@jupyter-widgets/${module}`;
  const kind = { _model_module: from, _model_module_version: VERSION, _model_name: name };
  const views: JsonObject = module === "base" ? {} : { _view_module: from, _view_module_version: VERSION };
  const state = referring({ ...kind, ...views, ...given });
  answerControl();
  const comm = openComm(TARGET, { state, buffer_paths: [] }, { metadata: METADATA });
  const entry: Live = { comm, kind, state, parts: Object.values(given).flat().filter(isModel) };
  live.set(comm.id, entry);
  return model(entry);
}

/** References instead of models. */
function referring(state: WidgetState): JsonObject {
  const reference = (value: Json | Model): Json => (isModel(value) ? referenceTo(value) : value);
  const plain = Object.entries(state).map(([key, value]) => {
    const all = Array.isArray(value) ? (value as readonly (Json | Model)[]).map(reference) : undefined;
    return [key, all ?? reference(value as Json | Model)];
  });
  return Object.fromEntries(plain);
}

const isModel = (value: unknown): value is Model => typeof (value as Model | null)?.onCustom === "function";

function model(entry: Live): Model {
  const changed = new Set<(changes: JsonObject) => unknown>();
  const custom = new Set<(content: Json) => unknown>();
  const closed = new Set<() => void>();
  const { comm } = entry;
  const send = (method: string, state: JsonObject) => comm.isOpen && comm.send({ method, state, buffer_paths: [] });
  const forget = () => {
    live.delete(comm.id);
    for (const listener of closed) listener();
  };
  comm.onClose(forget);
  const change = (changes: JsonObject) => {
    entry.state = { ...entry.state, ...changes };
  };
  comm.onMessage(async ({ data }) => {
    if (data.method === "request_state") return send("update", entry.state);
    if (data.method === "custom") return callAll(custom, data.content ?? null);
    if (data.method !== "update") return;
    const changes = (data.state ?? {}) as JsonObject;
    change(changes);
    // What one front end has changed, the others learn by this.
    send("echo_update", changes);
    await callAll(changed, changes);
  });
  return {
    id: comm.id,
    get: (attribute) => entry.state[attribute],
    set(changes) {
      const plain = referring(changes);
      change(plain);
      send("update", plain);
    },
    onChange: (listener) => void changed.add(listener),
    onCustom: (listener) => void custom.add(listener),
    onClose: (listener) => void closed.add(listener),
    close() {
      if (!comm.isOpen) return;
      comm.close();
      forget();
      for (const part of entry.parts) part.close();
    },
  };
}

async function callAll<T>(listeners: ReadonlySet<(value: T) => unknown>, value: T): Promise<void> {
  await Promise.all([...listeners].map(async (listener) => listener(value)));
}

/** Answers front ends that want all states at once, by which a page that is loaded again finds its widgets. */
function answerControl(): void {
  registerCommTarget("jupyter.widget.control", (comm) => {
    comm.onMessage(({ data }) => {
      if (data.method === "request_states") comm.send({ method: "update_states", states: states(), buffer_paths: [] });
    });
  });
}

function states(): JsonObject {
  const all = [...live].map(([id, { kind, state }]) => {
    const { _model_module: model_module, _model_module_version: model_module_version, _model_name: model_name } = kind;
    return [id, { model_module, model_module_version, model_name, state }];
  });
  return Object.fromEntries(all);
}
