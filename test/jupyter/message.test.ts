/**
 * Messages as frames: what was encoded is decoded again, and nothing else is.
 */
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { createCodec } from "../../src/jupyter/wire/message.ts";

const KEY = "secret";
const bytes = (frames: readonly (Buffer | string)[]) => frames.map((frame) => Buffer.from(frame));

describe.each(["hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha1"])("signed with %s", (scheme) => {
  test("a message comes out as it went in, with its identities and its bytes", () => {
    const identities = [Buffer.from([0, 255, 7]), Buffer.from("second")];
    const buffers = [Buffer.from([1, 2, 3]), Buffer.alloc(0), Buffer.from("{}")];
    const parent = { msg_id: "p", session: "s", username: "u", date: "d", msg_type: "t", version: "5.4" };
    const sent = {
      identities,
      buffers,
      parent,
      type: "comm_msg",
      content: { text: "𝒳\u0000\u2028" },
      metadata: { a: [1] },
    };
    const frames = bytes(createCodec(KEY, scheme).encode(sent));
    expect(createCodec(KEY, scheme).decode(frames)).toMatchObject({
      ...{ identities, buffers, parentHeader: parent, metadata: { a: [1] }, content: { text: "𝒳\u0000\u2028" } },
      header: { msg_type: "comm_msg" },
    });
  });

  test("the signature is that of the four parts, in hexadecimal", () => {
    const frames = createCodec(KEY, scheme).encode({
      identities: ["i"],
      type: "x",
      content: {},
      buffers: [Buffer.from("b")],
    });
    const hmac = createHmac(scheme.replace("hmac-", ""), KEY);
    for (const part of frames.slice(3, 7)) hmac.update(part);
    expect(frames.slice(0, 3)).toEqual(["i", "<IDS|MSG>", hmac.digest("hex")]);
  });
});

test("a message with any one bit turned around, or any frame left out, is none", () => {
  const { below } = random(5);
  const { encode } = createCodec(KEY, "hmac-sha256");
  const { decode } = createCodec(KEY, "hmac-sha256");
  for (let round = 0; round < 2000; round++) {
    const frames = bytes(encode({ identities: ["id"], type: "execute_request", content: { code: `${round}` } }));
    const at = 1 + below(frames.length - 1);
    const frame = frames[at]!;
    const bit = below(frame.length * 8);
    if (round % 2 === 0) frame[bit >> 3]! ^= 1 << (bit & 7);
    else frames.splice(at, 1);
    // Behind the delimiter everything counts; an identity may be anything.
    expect(decode(frames), `round ${round}, frame ${at}, bit ${bit}`).toBeUndefined();
  }
});

test("a message is decoded once, also after many others", () => {
  const { encode } = createCodec(KEY, "hmac-sha256");
  const { decode } = createCodec(KEY, "hmac-sha256");
  const message = () => bytes(encode({ identities: [], type: "x", content: {} }));
  const first = message();
  expect(decode(first)).toBeDefined();
  for (let i = 0; i < 1000; i++) expect(decode(message())).toBeDefined();
  expect(decode(first)).toBeUndefined();
});

test("a forged message does not use up the place of the genuine one", () => {
  const { decode } = createCodec(KEY, "hmac-sha256");
  const frames = bytes(createCodec(KEY, "hmac-sha256").encode({ identities: [], type: "x", content: { a: 1 } }));
  expect(decode(frames.with(-1, Buffer.from("{}")))).toBeUndefined();
  expect(decode(frames)).toBeDefined();
});
