/**
 * The stdin channel: questions of a cell go to the front end that sent the cell, and its answers come back. One question
 * is open at a time, because an `input_reply` need not say which one it answers.
 */
import { randomUUID } from "node:crypto";
import type { Question } from "../session/run.ts";
import type { Exchange } from "./kernel.ts";
import type { Message } from "./message.ts";
import type { Sockets } from "./sockets.ts";

/** The questions of one execute request. */
export interface Dialogue {
  /** Asks when the questions before have been answered. Rejects if the front end has no stdin connection. */
  ask(question: Question): Promise<string>;
  /** Forgets the open question and all that wait; their promises stay as they are. */
  close(): void;
}

/** The stdin channel of a kernel. */
export interface Stdin {
  dialogue(exchange: Pick<Exchange, "header" | "identities">): Dialogue;
  /** Takes an `input_reply`; one that nobody waits for is dropped, and so is one without a text. */
  receive(message: Message): void;
}

interface Open {
  /** Ids of the question and of the request behind it: what a reply's parent may be. */
  readonly parents: readonly unknown[];
  readonly session: string;
  answer(text: string): void;
}

/** A stdin channel on the kernel's sockets. */
export function createStdin(sockets: Sockets): Stdin {
  let open: Open | undefined;
  return {
    receive({ header, parentHeader, content }) {
      if (header.msg_type !== "input_reply" || open?.session !== header.session) return;
      // Old front ends name no parent; one that names another question answers too late.
      if (parentHeader.msg_id !== undefined && !open.parents.includes(parentHeader.msg_id)) return;
      if (typeof content.value !== "string") return;
      const { answer } = open;
      open = undefined;
      answer(content.value);
    },
    dialogue({ header, identities }) {
      let last: Promise<unknown> = Promise.resolve();
      let isClosed = false;
      const put = async (question: Question): Promise<string> => {
        const { promise, resolve } = Promise.withResolvers<string>();
        if (isClosed) return promise;
        const id = randomUUID();
        open = { parents: [id, header.msg_id], session: header.session, answer: resolve };
        const there = await sockets.send("stdin", {
          ...{ identities, id, type: "input_request", content: question, parent: header },
        });
        if (there) return promise;
        open = undefined;
        throw new Error("the front end does not listen on stdin: nobody can be asked");
      };
      return {
        ask(question) {
          const turn = last.then(() => put(question));
          last = turn.catch(() => {});
          return turn;
        },
        close() {
          isClosed = true;
          open = undefined;
        },
      };
    },
  };
}
