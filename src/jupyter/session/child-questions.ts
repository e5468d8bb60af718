/**
 * The questions of a session's cells that wait for an answer from the parent process.
 */

import type { Notice, Reply } from "./child-protocol.ts";
import type { Question } from "./run.ts";

/** Passes questions on and settles them by number. */
export interface Questions {
  /** Asks on behalf of the execution with this id. */
  ask(id: number, question: Question): Promise<string>;
  settle(notice: Notice): void;
}

/** Questions that are passed on to `send`. */
export function createQuestions(send: (reply: Reply) => void): Questions {
  const open = new Map<number, PromiseWithResolvers<string>>();
  let number = 0;
  return {
    ask(id, question) {
      const waiting = Promise.withResolvers<string>();
      open.set(++number, waiting);
      send({ type: "ask", id, number, question });
      return waiting.promise;
    },
    settle(notice) {
      const waiting = open.get(notice.number);
      open.delete(notice.number);
      if (notice.type === "answer") waiting?.resolve(notice.text);
      else waiting?.reject(new Error(notice.message));
    },
  };
}
