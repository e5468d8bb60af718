/**
 * What is left of an interrupted cell: a loop that reads files or fetches pages has no timer that could be taken away, and
 * would go on unseen. It is terminated where it wakes up after an `await`.
 */
import { Session } from "node:inspector";
import { setTimeout } from "node:timers";
import { promiseHooks } from "node:v8";

/** Time for `finally` blocks, which the interruption itself wakes up, in milliseconds. */
const GRACE = 200;
/** The shortest time after that in which the next cell has to wait, in milliseconds. */
const SWEEP = 150;

/** Ends what is left of interrupted cells. */
export interface Leftovers {
  /** From soon on ends what wakes up. */
  watch(): void;
  /**
   * Stops that, when most of it must be over. A connection that an interrupted cell has opened may be in a pool, and what
   * wakes up for it may be at work for the next cell.
   */
  settle(): Promise<void>;
}

/** Ends code that wakes up while `isLeft` is true. */
export function createLeftovers(isLeft: () => boolean): Leftovers {
  let swept: Promise<void> | undefined;
  let unhook = () => {};
  return {
    watch() {
      swept ??= pause(GRACE).then(() => {
        unhook = hook(isLeft);
        return pause(SWEEP);
      });
    },
    async settle() {
      await swept;
      unhook();
      unhook = () => {};
      swept = undefined;
    },
  };
}

/** A pause that no cell's interruption ends and that keeps no process. */
const pause = (time: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, time).unref());

function hook(isLeft: () => boolean): () => void {
  const inspector = new Session();
  inspector.connect();
  const stop = promiseHooks.onBefore(() => {
    if (isLeft()) inspector.post("Runtime.terminateExecution");
  }) as () => void;
  const unhook = () => {
    stop();
    inspector.disconnect();
    process.off("exit", unhook);
  };
  // An inspector that is still connected makes Node wait for its end, and say so on standard error.
  process.on("exit", unhook);
  return unhook;
}
