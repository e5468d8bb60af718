/**
 * Progress of a long loop, shown in place. It is seen also while a cell computes without a pause, since what a cell puts out is
 * written at once. What stays at the end tells no time, so that a stored notebook comes out alike.
 */
import { randomUUID } from "node:crypto";
import { UserError } from "../../base/errors.ts";
import { el, print } from "../../figure/xml.ts";
import type { MimeBundle } from "../../notebook/format.ts";
import { emit, onRunEnd, type RunEnd } from "../session/run.ts";

/** Least time between two updates, in milliseconds: as often as a reader can follow. */
const PAUSE = 100;
/** Characters of the bar in text. */
const WIDTH = 20;

/** Takes how far a run has come, as the library's `progress` options give it. */
export interface ProgressBar {
  (done: number, total?: number): void;
  /** Shows the last state for good; the end of the cell does as well. */
  end(): void;
}

interface State {
  readonly label: string;
  readonly start: number;
  done: number;
  total: number | undefined;
  end: RunEnd | undefined;
}

/**
 * A progress bar that somebody else moves: `run(params, input, { progress: progressBar("label") })`. It is full when the cell has
 * ended well, because what moves it may tell of the beginning of each part alone.
 */
export function progressBar(label = "", total?: number): ProgressBar {
  const { state, move, close } = openBar(label, total, (how) => {
    if (how === "ok") state.done = state.total ?? state.done;
  });
  return Object.assign(move, { end: () => close("ok") });
}

interface Bar {
  readonly state: State;
  move(done: number, total?: number): void;
  close(how: RunEnd): void;
}

function openBar(label: string, total: number | undefined, beforeEnd: (how: RunEnd) => void = () => {}): Bar {
  const state: State = { label, start: performance.now(), done: 0, total, end: undefined };
  const displayId = randomUUID();
  emit({ type: "output", output: { output_type: "display_data", data: bundle(state), metadata: {} }, displayId });
  const show = () => emit({ type: "update", displayId, data: bundle(state), metadata: {} });
  let shown = state.start;
  const close = (how: RunEnd) => {
    forget();
    if (state.end !== undefined) return;
    beforeEnd(how);
    state.end = how;
    show();
  };
  const forget = onRunEnd(close);
  const move = (done: number, all = state.total) => {
    // Putting out something is what ends the remains of an interrupted cell.
    if (state.end === "interrupted") show();
    if (state.end !== undefined) return;
    Object.assign(state, { done, total: all });
    if (performance.now() - shown < PAUSE) return;
    shown = performance.now();
    show();
  };
  return { state, move, close };
}

/** The numbers from 0 to below `total`, or the items, each counted when the loop has done with it. */
export function progress(total: number, label?: string): Generator<number>;
export function progress<T>(items: Iterable<T>, label?: string): Generator<T>;
export function progress<T>(items: AsyncIterable<T>, label?: string): AsyncGenerator<T>;
export function progress<T>(over: number | Iterable<T> | AsyncIterable<T>, label?: string) {
  if (typeof over === "number") return counted(below(over), label, over);
  return Symbol.asyncIterator in over ? countedInTime(over, label) : counted(over, label, sizeOf(over));
}

function below(total: number): Iterable<number> {
  if (Number.isSafeInteger(total) && total >= 0) return numbersBelow(total);
  throw new UserError(`progress: ${total} is no number of turns: a whole number from 0 is`);
}

function* numbersBelow(total: number): Generator<number> {
  for (let i = 0; i < total; i++) yield i;
}

function* counted<T>(items: Iterable<T>, label = "", total?: number): Generator<T> {
  const bar = openBar(label, total);
  let done = 0;
  try {
    for (const item of items) {
      yield item;
      bar.move(++done);
    }
  } finally {
    bar.close("ok");
  }
}

async function* countedInTime<T>(items: AsyncIterable<T>, label = ""): AsyncGenerator<T> {
  const bar = openBar(label, undefined);
  let done = 0;
  try {
    for await (const item of items) {
      yield item;
      bar.move(++done);
    }
  } finally {
    bar.close("ok");
  }
}

function sizeOf(items: Iterable<unknown>): number | undefined {
  const { length, size } = items as { length?: unknown; size?: unknown };
  const known = [length, size].find((n) => typeof n === "number");
  return known as number | undefined;
}

function bundle(state: State): MimeBundle {
  const words = inWords(state);
  const { done, total, end } = state;
  const bar = el("progress", {
    value: total === undefined ? undefined : Math.min(done, total),
    max: total || undefined,
  });
  const html = end !== undefined ? print(el("span", {}, [words])) : `${print(bar)} ${print(el("span", {}, [words]))}`;
  return { "text/html": html, "text/plain": end !== undefined ? words : `${textBar(state)} ${words}` };
}

function textBar({ done, total }: State): string {
  if (!total) return "[...]";
  const filled = Math.floor((WIDTH * Math.min(done, total)) / total);
  return `[${"#".repeat(filled).padEnd(WIDTH)}]`;
}

function inWords(state: State): string {
  const { label, done, total, end } = state;
  // True for ever, because it stays where a front end cannot replace what it has shown, as on a console.
  if (done === 0 && end === undefined) return total === undefined ? label : `${prefix(label)}${total} to come`;
  const count = total === undefined ? `${done}` : `${done} of ${total}`;
  const parts = [end === "interrupted" ? `${count}, interrupted` : count, end === undefined ? timeLeft(state) : ""];
  return prefix(label) + parts.filter((part) => part !== "").join(", ");
}

const prefix = (label: string): string => (label === "" ? "" : `${label}: `);

/** From the pace so far; nothing before there is one. */
function timeLeft({ done, total, start }: State): string {
  if (total === undefined || done === 0 || done >= total) return "";
  const seconds = ((performance.now() - start) / 1000 / done) * (total - done);
  return seconds < 60 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}
