// The simulator on the reader's machine: the same modules that notebooks and tests run, in a worker without a document.

import { formatSize } from "../../src/base/size.ts";
import { dataOf } from "../../src/figure/create.ts";
import type { FigureData } from "../../src/figure/figure.ts";
import { liveFigure } from "../../src/figure/live/index.ts";
import { inputContent, type LiveInputs } from "../../src/figure/live.ts";
import { READ_LIMITS } from "../../src/study/capture/read.ts";
import { fetched, messageOf } from "../errors.ts";
import type { Answer, Ask, GivenFile } from "./messages.ts";

/** Least time between two progress messages, so that a fast run does not spend itself on them. */
const PROGRESS_MS = 50;

const say = (answer: Answer) => self.postMessage(answer);

self.addEventListener("message", async ({ data }: MessageEvent<Ask>) => {
  try {
    say({ type: "result", result: await make(data) });
  } catch (error) {
    say({ type: "error", message: messageOf(error).split("\n")[0]! });
  }
});

async function make(ask: Ask): Promise<FigureData> {
  const live = liveFigure(ask.id);
  const inputs = await fetchAll(ask.inputs);
  let told = performance.now();
  const progress = (done: number, total: number) => {
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    say({ type: "progress", done, total });
  };
  return dataOf(await live.make(ask.params, inputs, { progress }));
}

async function fetchAll(sources: Ask["inputs"]): Promise<LiveInputs> {
  const entries = Object.entries(sources).map(async ([name, source]) => [
    name,
    await (typeof source === "string" ? fetchOnce(name, source) : readGiven(source)),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

/** What was read of the last file that the reader gave. */
let last: { readonly number: number; readonly bytes: Uint8Array } | undefined;

async function readGiven({ number, file }: GivenFile): Promise<Uint8Array> {
  if (last?.number === number) return last.bytes;
  const most = READ_LIMITS.bytes;
  if (file.size > most) throw new Error(`too large for a capture: at most ${formatSize(most)} are allowed`);
  last = { number, bytes: new Uint8Array(await file.arrayBuffer()) };
  return last.bytes;
}

/**
 * What was fetched, by address, for as long as the worker lives: a slider that moves asks again and again, and experiments keep what
 * they decoded of a file by the very bytes that they were given.
 */
const answers = new Map<string, Promise<string | Uint8Array>>();

async function fetchOnce(name: string, address: string): Promise<string | Uint8Array> {
  const known = answers.get(address) ?? fetchOne(name, address);
  answers.set(address, known);
  try {
    return await known;
  } catch (error) {
    answers.delete(address);
    throw error;
  }
}

async function fetchOne(name: string, address: string): Promise<string | Uint8Array> {
  const response = await fetched(name, address);
  return inputContent(name, new Uint8Array(await response.arrayBuffer()));
}
