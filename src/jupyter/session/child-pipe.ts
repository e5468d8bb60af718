/**
 * The way of a session's messages to its parent: a pipe of its own that the session waits for. Over Node's IPC channel
 * a cell that prints for ever would fill the memory, because its messages leave only when it lets go.
 */
import { writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { Reply } from "./child-protocol.ts";

/** File descriptor of the child on which its messages leave. */
export const REPLY_FD = 5;

/**
 * Writes a message and waits until it is in the pipe. It stands between line ends, so that one which a termination cuts
 * off takes no other along.
 */
export function writeReply(reply: Reply): void {
  const bytes = Buffer.from(`\n${JSON.stringify(reply)}\n`);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(REPLY_FD, bytes, written);
  } catch {
    // The parent has gone, and the guard sees to the rest.
  }
}

/** Reads messages from chunks of bytes; gives a function that takes the next chunk. */
export function replyReader(take: (reply: Reply) => void): (chunk: Buffer) => void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const reply = line === "" ? undefined : parse(line);
      if (reply !== undefined) take(reply);
    }
  };
}

function parse(line: string): Reply | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
