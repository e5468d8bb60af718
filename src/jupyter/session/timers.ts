/**
 * Timers that know their cell, so that an interrupt also ends a loop that sleeps. Put in place of the global timers and
 * of `node:timers/promises` while a session is open.
 */
import { syncBuiltinESMExports } from "node:module";
import promises from "node:timers/promises";
import { promisify } from "node:util";
import { type CellRun, currentRun, Interrupted } from "./run.ts";

type Start = (callback: (...args: unknown[]) => void, ...rest: unknown[]) => unknown;

interface Kind {
  readonly start: "setTimeout" | "setInterval" | "setImmediate";
  readonly stop: "clearTimeout" | "clearInterval" | "clearImmediate";
}

const KINDS: readonly Kind[] = [
  { start: "setTimeout", stop: "clearTimeout" },
  { start: "setInterval", stop: "clearInterval" },
  { start: "setImmediate", stop: "clearImmediate" },
];

/** Replaces the timers; returns what puts the old ones back. */
export function trackTimers(): () => void {
  const undo = [...KINDS.map(trackGlobal), trackSleep()];
  return () => {
    for (const back of undo) back();
  };
}

function trackGlobal({ start, stop }: Kind): () => void {
  const realStart = globalThis[start] as Start;
  const realStop = globalThis[stop] as (handle: unknown) => void;
  const tracked = (callback: (...args: unknown[]) => void, ...rest: unknown[]) => {
    const run = currentRun();
    const fire = (...args: unknown[]) => {
      if (start !== "setInterval") run?.waits.delete(handle);
      callback(...args);
    };
    const handle = realStart(fire, ...rest);
    if (run?.interrupted) realStop(handle);
    else run?.waits.set(handle, () => realStop(handle));
    return handle;
  };
  const stopTracked = (handle: unknown) => {
    currentRun()?.waits.delete(handle);
    realStop(handle);
  };
  Object.assign(tracked, { [promisify.custom]: (realStart as { [promisify.custom]?: unknown })[promisify.custom] });
  Object.assign(globalThis, { [start]: tracked, [stop]: stopTracked });
  return () => void Object.assign(globalThis, { [start]: realStart, [stop]: realStop });
}

/** `setTimeout` of `node:timers/promises`, which rejects when its cell is interrupted. */
function trackSleep(): () => void {
  const real = promises.setTimeout;
  const tracked = async (delay?: number, value?: unknown, options: { signal?: AbortSignal } = {}) => {
    const run = currentRun();
    if (run === undefined) return real(delay, value, options);
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    return sleep(run, stop, real(delay, value, { ...options, signal }));
  };
  const set = (timer: unknown) => {
    Object.assign(promises, { setTimeout: timer });
    syncBuiltinESMExports();
  };
  set(tracked);
  return () => set(real);
}

async function sleep(run: CellRun, stop: AbortController, waiting: Promise<unknown>): Promise<unknown> {
  if (run.interrupted) stop.abort();
  else run.waits.set(stop, () => stop.abort());
  try {
    return await waiting;
  } catch (error) {
    throw run.interrupted ? new Interrupted("the cell was interrupted") : error;
  } finally {
    run.waits.delete(stop);
  }
}
