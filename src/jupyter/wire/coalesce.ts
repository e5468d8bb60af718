/**
 * Joins pieces of one stream that come close together into one message, so that a loop of prints does not become
 * thousands of messages and outputs. Done here and not in the session's process, whose loop may be busy.
 */
import type { OutputEvent } from "../../notebook/outputs.ts";

/** How long a piece of text may wait for the next, in milliseconds: shorter than anyone sees. */
const WAIT = 20;
/** Characters after which text is sent at once. */
const FULL = 2 ** 16;

/** Passes events on in their order. `flush` passes on what still waits. */
export interface Coalescer {
  push(event: OutputEvent): void;
  flush(): void;
}

/** A coalescer that passes on to `emit`. */
export function coalescer(emit: (event: OutputEvent) => void): Coalescer {
  let name: "stdout" | "stderr" = "stdout";
  let text = "";
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (text !== "") emit({ type: "output", output: { output_type: "stream", name, text } });
    text = "";
  };
  const push = (event: OutputEvent) => {
    const stream = event.type === "output" && event.output.output_type === "stream" ? event.output : undefined;
    if (stream === undefined || stream.name !== name) flush();
    if (stream === undefined) return emit(event);
    name = stream.name;
    text += stream.text;
    if (text.length > FULL) flush();
    else timer ??= setTimeout(flush, WAIT);
  };
  return { push, flush };
}
