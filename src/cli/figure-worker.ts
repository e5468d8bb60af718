/**
 * Makes the data of one live figure in a thread of its own, so that the command can show how far it is and can be interrupted.
 */
import { parentPort, workerData } from "node:worker_threads";
import { UserError } from "../base/errors.ts";
import { dataOf } from "../figure/create.ts";
import type { FigureData } from "../figure/figure.ts";
import { liveFigure } from "../figure/live/index.ts";
import type { LiveInputs, LiveParams } from "../figure/live.ts";

/** What the thread is asked to make. */
export interface MakeRequest {
  readonly id: string;
  readonly params: LiveParams;
  readonly inputs: LiveInputs;
}

/** What it answers: any number of times how far it is, then the figure or the user's mistake. A bug is thrown. */
export type MakeAnswer =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "made"; readonly data: FigureData }
  | { readonly type: "mistake"; readonly message: string };

/** Least time between two messages, in milliseconds. */
const PAUSE = 50;

const answer = (message: MakeAnswer): void => parentPort!.postMessage(message);

let told = performance.now();
function progress(done: number, total: number): void {
  if (performance.now() - told < PAUSE) return;
  told = performance.now();
  answer({ type: "progress", done, total });
}

const { id, params, inputs } = workerData as MakeRequest;
try {
  const made = await liveFigure(id).make(params, inputs, { progress });
  answer({ type: "made", data: dataOf(made) });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  answer({ type: "mistake", message: error.message });
}
