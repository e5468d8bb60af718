/**
 * Messages from a session to its parent come out of the pipe whole, however they were cut.
 */
import { expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { replyReader } from "../../src/jupyter/session/child-pipe.ts";
import type { Reply } from "../../src/jupyter/session/child-protocol.ts";

const failed = (id: number, message: string): Reply => ({ type: "failed", id, message });
const lineOf = (reply: Reply): string => `\n${JSON.stringify(reply)}\n`;

test("chunks may end anywhere, also within a character", () => {
  const { below } = random(11);
  for (let round = 0; round < 300; round++) {
    const sent = Array.from({ length: 1 + below(5) }, (_, id) => failed(id, "𝒳é\n\u2028".repeat(below(4))));
    const bytes = Buffer.from(sent.map(lineOf).join(""));
    const taken: Reply[] = [];
    const read = replyReader((reply) => taken.push(reply));
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + below(12);
      read(bytes.subarray(at, end));
      at = end;
    }
    expect(taken, `round ${round}`).toEqual(sent);
  }
});

test("a message that was cut off takes no other along", () => {
  const taken: Reply[] = [];
  const read = replyReader((reply) => taken.push(reply));
  for (const end of [1, 5, 20]) read(Buffer.from(lineOf(failed(1, "cut")).slice(0, end) + lineOf(failed(2, "whole"))));
  expect(taken).toEqual([failed(2, "whole"), failed(2, "whole"), failed(2, "whole")]);
});
