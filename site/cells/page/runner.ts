/**
 * The page's side of the worker that runs cells: one cell at a time; what runs away is ended with its worker and all that
 * cells have computed in it.
 */
import type { OutputEvent } from "../../../src/notebook/outputs.ts";
import type { CellNews, RunCell } from "../messages.ts";

/** How a cell ended. */
export type Ending = "ok" | "error" | "stopped";

/** The worker that runs cells, started when one is due; one cell at a time. */
export class Runner {
  #worker: Worker | undefined;
  #waiting: { count: number; end(how: Ending): void } | undefined;
  readonly #onOutput: (count: number, event: OutputEvent) => void;

  /** Outputs may also come from what an earlier cell left running. */
  constructor(onOutput: (count: number, event: OutputEvent) => void) {
    this.#onOutput = onOutput;
  }

  run(cell: RunCell): Promise<Ending> {
    this.#worker ??= this.#start();
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.#waiting = { count: cell.count, end: resolve };
    this.#worker.postMessage(cell);
    return promise;
  }

  /** Ends the worker, and with it what cells have computed. */
  stop(): void {
    this.#endWorker();
    this.#end("stopped");
  }

  #start(): Worker {
    const worker = new Worker(new URL("../worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<CellNews>) => {
      if (data.type === "output") this.#onOutput(data.count, data.event);
      else if (data.count === this.#waiting?.count) this.#end(data.isError ? "error" : "ok");
    };
    worker.onerror = () => this.#failed("the simulator could not be started: the page's files cannot be loaded");
    return worker;
  }

  /** Errors of cells are told by the worker itself: only one that could not be loaded comes here. */
  #failed(message: string): void {
    const output = { output_type: "stream", name: "stderr", text: `${message}\n` } as const;
    if (this.#waiting !== undefined) this.#onOutput(this.#waiting.count, { type: "output", output });
    this.#endWorker();
    this.#end("error");
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #end(how: Ending): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.end(how);
  }
}
