/**
 * Messages of the Jupyter protocol 5.4 as frames of ZeroMQ: identities, delimiter, signature, four JSON parts, buffers.
 * Source: jupyter-client, "Messaging in Jupyter", section "The Wire Protocol".
 */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import type { JsonObject } from "../../notebook/format.ts";

/** The version of the protocol that is spoken. */
export const PROTOCOL_VERSION = "5.4";

/** The header of a message, as it is on the wire. */
export interface Header {
  readonly msg_id: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly msg_type: string;
  readonly version: string;
}

/** A message as it came in; `identities` lead an answer back to its sender. */
export interface Message {
  readonly identities: readonly Buffer[];
  readonly header: Header;
  readonly parentHeader: JsonObject;
  readonly metadata: JsonObject;
  readonly content: Readonly<Record<string, unknown>>;
  readonly buffers: readonly Buffer[];
}

/** Signs and reads the messages of one kernel. */
export interface Codec {
  /** The message in the frames, or undefined if they are malformed or not signed with the kernel's key. */
  decode(frames: readonly Buffer[]): Message | undefined;
  encode(message: Outgoing): (Buffer | string)[];
}

/** A message to send. `parent` is the header of the request that caused it. */
export interface Outgoing {
  readonly identities: readonly (Buffer | string)[];
  /** Made up if it is left out. */
  readonly id?: string;
  readonly type: string;
  readonly content: object;
  readonly parent?: Header;
  readonly metadata?: JsonObject;
  readonly buffers?: readonly Buffer[];
}

const DELIMITER = "<IDS|MSG>";

/** A codec for a key and a scheme such as `hmac-sha256`; an empty key means no signatures. */
export function createCodec(key: string, scheme: string): Codec {
  const session = randomUUID();
  const sign = (parts: readonly (Buffer | string)[]): string => {
    if (key === "") return "";
    const hmac = createHmac(scheme.replace(/^hmac-/, ""), key);
    for (const part of parts) hmac.update(part);
    return hmac.digest("hex");
  };
  return {
    decode: (frames) => decode(frames, sign),
    encode({ identities, id = randomUUID(), type, content, parent, metadata = {}, buffers = [] }) {
      const header = makeHeader(id, type, session);
      const parts = [header, parent ?? {}, metadata, content].map((part) => JSON.stringify(part));
      return [...identities, DELIMITER, sign(parts), ...parts, ...buffers];
    },
  };
}

function makeHeader(id: string, type: string, session: string): Header {
  return {
    msg_id: id,
    session,
    username: "kernel",
    date: new Date().toISOString(),
    msg_type: type,
    version: PROTOCOL_VERSION,
  };
}

function decode(frames: readonly Buffer[], sign: (parts: readonly Buffer[]) => string): Message | undefined {
  const at = frames.findIndex((frame) => frame.toString() === DELIMITER);
  const [signature, ...rest] = frames.slice(at + 1);
  const parts = rest.slice(0, 4);
  if (at === -1 || parts.length < 4 || !equal(signature!.toString(), sign(parts))) return undefined;
  try {
    const [header, parentHeader, metadata, content] = parts.map((part) => JSON.parse(part.toString()));
    if (typeof header?.msg_type !== "string" || typeof content !== "object" || content === null) return undefined;
    return { identities: frames.slice(0, at), header, parentHeader, metadata, content, buffers: rest.slice(4) };
  } catch {
    return undefined;
  }
}

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
