/**
 * A live figure made for a command: its inputs read from files, its data computed in a thread, as a page does it.
 */
import { basename, join } from "node:path";
import { Worker } from "node:worker_threads";
import { UserError } from "../base/errors.ts";
import type { Figure } from "../figure/figure.ts";
import { OWN_CAPTURE } from "../figure/live/own-capture.ts";
import { fillParams, inputContent, type LiveFigure, type LiveInputs, type LiveParams, revive } from "../figure/live.ts";
import { READ_LIMITS } from "../study/capture/read.ts";
import { type CommandEffects, progressLine } from "./effects.ts";
import type { MakeAnswer, MakeRequest } from "./figure-worker.ts";
import { readBounded } from "./read-file.ts";

/** Where files come from: the project's data by name, but for those that the user gives. */
export interface InputPlaces {
  /** The project's folder. */
  readonly root: string;
  /** Files that stand in for those of the same name; a capture of the user's own has any name. */
  readonly given: readonly string[];
}

/** The files that the figure reads for these parameters. Throws {@link UserError}, also for a file that it does not read. */
export async function readInputs(live: LiveFigure, params: LiveParams, places: InputPlaces): Promise<LiveInputs> {
  const files = live.inputsFor(params).includes(OWN_CAPTURE.input)
    ? ownFile(live, places)
    : namedFiles(live, params, places);
  const read = files.map(async ([name, file]) => {
    const bytes = await readBounded(file, READ_LIMITS.bytes, "an input of a figure");
    return [name, inputContent(name, new Uint8Array(bytes))] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

type NamedFile = readonly [name: string, file: string];

/** A figure of the user's own capture reads nothing else. */
function ownFile({ id }: LiveFigure, { given }: InputPlaces): readonly NamedFile[] {
  const [file] = given;
  if (file === undefined || given.length > 1)
    throw new UserError(`${id} reads one file of your own, which --input gives: ${given.length} are given`);
  return [[OWN_CAPTURE.input, file]];
}

function namedFiles(live: LiveFigure, params: LiveParams, { root, given }: InputPlaces): readonly NamedFile[] {
  const names = live.inputsFor(params);
  for (const file of given)
    if (!names.includes(basename(file))) {
      const reads = names.length === 0 ? "reads no file" : `reads ${names.join(", ")}`;
      throw new UserError(`${file} is no input of ${live.id}: it ${reads}, known by name`);
    }
  const fileOf = (name: string) =>
    given.find((path) => basename(path) === name) ?? join(root, "notebooks", "data", name);
  return names.map((name) => [name, fileOf(name)]);
}

/** The figure, made with a progress line. An interrupt ends the thread. */
export async function makeFigure(
  live: LiveFigure,
  params: LiveParams,
  inputs: LiveInputs,
  effects: CommandEffects,
): Promise<Figure> {
  effects.signal?.throwIfAborted();
  // The thread would say the same, but only after it has loaded the simulator.
  fillParams(live.params, params);
  const bar = progressLine(live.id, effects);
  const { promise, resolve, reject } = Promise.withResolvers<Figure>();
  const workerData: MakeRequest = { id: live.id, params, inputs };
  const worker = new Worker(new URL("./figure-worker.ts", import.meta.url), { workerData });
  const interrupt = () => reject(effects.signal?.reason);
  effects.signal?.addEventListener("abort", interrupt);
  worker.on("message", (answer: MakeAnswer) => {
    if (answer.type === "progress") bar.show(answer.done, answer.total);
    else if (answer.type === "made") resolve(revive(answer.data, live));
    else reject(new UserError(answer.message));
  });
  worker.on("error", reject);
  try {
    return await promise;
  } finally {
    bar.clear();
    effects.signal?.removeEventListener("abort", interrupt);
    await worker.terminate();
  }
}
