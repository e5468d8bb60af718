/**
 * A program at a terminal: what a person would see there, without the sequences that draw it, and the keys that they press.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { JupyterPlace } from "./jupyter-place.ts";

/** Longest wait for a text, and pause between two looks, in milliseconds. */
const PATIENCE = 20_000;
const POLL = 20;

export interface Terminal {
  press(keys: string): void;
  /** Waits until the text is shown after what was waited for last; returns what was shown up to its end. */
  shows(text: string | RegExp): Promise<string>;
  /** Resolves to the exit status when the program has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts a program of the system's Python with a terminal of its own. */
export function startTerminal(place: JupyterPlace, command: string): Terminal {
  // Nobody here could answer the question where the cursor is.
  // `script` makes the terminal: Node has none to give.
  const child = place.start(
    "/usr/bin/script",
    ["--quiet", "--return", "--command", `stty rows 40 cols 100; PROMPT_TOOLKIT_NO_CPR=1 exec ${command}`, "/dev/null"],
    "pipe",
  );
  let shown = "";
  let seen = 0;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  return {
    press: (keys) => void child.stdin?.write(keys),
    async shows(text) {
      const pattern = typeof text === "string" ? new RegExp(text.replace(/[\^$.*+?()[\]{}|\\]/g, "\\$&")) : text;
      for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(POLL)) {
        const rest = stripVTControlCharacters(shown).slice(seen);
        const found = pattern.exec(rest);
        if (found === null) continue;
        seen += found.index + found[0].length;
        return rest.slice(0, found.index + found[0].length);
      }
      throw new Error(`${pattern} is not shown in ${JSON.stringify(stripVTControlCharacters(shown).slice(seen))}`);
    },
    ended: once(child, "exit").then(([status]) => status as number | null),
  };
}
