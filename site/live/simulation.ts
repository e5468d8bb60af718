// The page's side of the simulation worker: one question at a time, and a question that is no longer wanted is ended
// with its worker, because a simulation in full run listens to nobody.
import type { FigureData } from "../../src/figure/figure.ts";
import type { LiveParams } from "../../src/figure/live.ts";
import { givenFile } from "./given.ts";
import { type Answer, type Ask, fetchName } from "./messages.ts";

/** Thrown to whoever waits when a run is stopped or overtaken by a newer one. */
export class Stopped extends Error {}

export class Simulation {
  #worker: Worker | undefined;
  #giveUp: (() => void) | undefined;

  /** The data of a live figure, made with these parameters. A run that is still going is stopped first. */
  ask(
    id: string,
    params: LiveParams,
    inputs: readonly string[],
    onProgress: (share: number) => void,
  ): Promise<FigureData> {
    this.stop();
    const sources = inputs.map((name) => [name, givenFile(name) ?? addressOf(name)]);
    this.#worker ??= new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const worker = this.#worker;
    const { promise, resolve, reject } = Promise.withResolvers<FigureData>();
    this.#giveUp = () => reject(new Stopped());
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.type === "progress") return onProgress(data.done / data.total);
      this.#giveUp = undefined;
      if (data.type === "result") resolve(data.result);
      else reject(new Error(data.message));
    };
    worker.onerror = (event) => {
      this.#giveUp = undefined;
      this.#worker = undefined;
      reject(new Error(event.message || "the simulator could not be started"));
    };
    worker.postMessage({ id, params, inputs: Object.fromEntries(sources) } satisfies Ask);
    return promise;
  }

  /** Ends the present run, if there is one. */
  stop(): void {
    if (!this.#giveUp) return;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#giveUp();
    this.#giveUp = undefined;
  }
}

const addressOf = (name: string): string => new URL(`${base()}data/${fetchName(name)}`, location.href).href;

const base = (): string => import.meta.env.BASE_URL.replace(/\/?$/, "/");
