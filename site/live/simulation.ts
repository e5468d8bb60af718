// The page's side of the simulation worker: one question at a time, those of other figures in their turn. A question that is no longer
// wanted is ended with its worker, because a simulation in full run listens to nobody.

import type { FigureData } from "../../src/figure/figure.ts";
import type { LiveParams } from "../../src/figure/live.ts";
import { givenFile } from "./given.ts";
import { type Answer, type Ask, fetchName } from "./messages.ts";

/** What one asker wants to know. */
interface Question {
  readonly asker: object;
  readonly ask: Ask;
  readonly onProgress: (share: number) => void;
  readonly resolve: (data: FigureData) => void;
  readonly reject: (error: Error) => void;
}

/** Questions of one page to one worker, answered in the order in which they come. */
export class Simulation {
  #worker: Worker | undefined;
  /** The first is being answered, the others wait for their turn. */
  #questions: Question[] = [];

  /** The data of a live figure, made with these parameters. What the same asker has asked before is stopped first. */
  ask(
    asker: object,
    id: string,
    params: LiveParams,
    inputs: readonly string[],
    onProgress: (share: number) => void,
  ): Promise<FigureData> {
    this.stop(asker);
    const sources = inputs.map((name) => [name, givenFile(name) ?? addressOf(name)]);
    const ask = { id, params, inputs: Object.fromEntries(sources) } satisfies Ask;
    const { promise, resolve, reject } = Promise.withResolvers<FigureData>();
    this.#questions.push({ asker, ask, onProgress, resolve, reject });
    if (this.#questions.length === 1) this.#put();
    return promise;
  }

  /** Ends what an asker has asked, if it has not been answered: whoever waits for it gets an error. */
  stop(asker: object): void {
    const at = this.#questions.findIndex((question) => question.asker === asker);
    if (at < 0) return;
    const [question] = this.#questions.splice(at, 1);
    question!.reject(new Error("stopped"));
    if (at > 0) return;
    this.#endWorker();
    this.#put();
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** Puts the first question to the worker. */
  #put(): void {
    const [first] = this.#questions;
    if (first === undefined) return;
    this.#worker ??= new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.type === "progress") return first.onProgress(data.done / data.total);
      if (data.type === "result") first.resolve(data.result);
      else first.reject(new Error(data.message));
      this.#next();
    };
    this.#worker.onerror = (event) => {
      this.#endWorker();
      first.reject(new Error(event.message || "the simulator could not be started"));
      this.#next();
    };
    this.#worker.postMessage(first.ask);
  }

  #next(): void {
    this.#questions.shift();
    this.#put();
  }
}

const addressOf = (name: string): string =>
  new URL(`${import.meta.env.BASE_URL}data/${fetchName(name)}`, location.href).href;
