/**
 * Messages of the Jupyter protocol 5.4 as frames of ZeroMQ: identities, delimiter, signature, four JSON parts, buffers.
 * Source: jupyter-client, "Messaging in Jupyter", section "The Wire Protocol".
 */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { isObject } from "../../base/shape.ts";
import type { Json, JsonObject } from "../../notebook/format.ts";

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

/** Signatures that are remembered, so that nobody who listens in can send a message once more. */
const MAX_REMEMBERED = 2 ** 16;

/**
 * A codec for a key and a scheme such as `hmac-sha256`; an empty key means no signatures. A message that was decoded once
 * is not decoded again.
 */
export function createCodec(key: string, scheme: string): Codec {
  const session = randomUUID();
  const sign = (parts: readonly (Buffer | string)[]): string => {
    if (key === "") return "";
    const hmac = createHmac(scheme.replace(/^hmac-/, ""), key);
    for (const part of parts) hmac.update(part);
    return hmac.digest("hex");
  };
  const isNew = rememberer();
  const isGenuine = (signature: string, parts: readonly Buffer[]) =>
    key === "" || (equal(signature, sign(parts)) && isNew(signature));
  return {
    decode: (frames) => decode(frames, isGenuine),
    encode({ identities, id = randomUUID(), type, content, parent, metadata = {}, buffers = [] }) {
      const header = makeHeader(id, type, session);
      const parts = [header, parent ?? {}, metadata, content].map((part) => JSON.stringify(part));
      return [...identities, DELIMITER, sign(parts), ...parts, ...buffers];
    },
  };
}

/** Tells whether a text is given for the first time; of many, the oldest are forgotten. */
function rememberer(): (text: string) => boolean {
  const known = new Set<string>();
  return (text) => {
    if (known.has(text)) return false;
    known.add(text);
    if (known.size > MAX_REMEMBERED) known.delete(known.values().next().value!);
    return true;
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

function decode(
  frames: readonly Buffer[],
  isGenuine: (signature: string, parts: readonly Buffer[]) => boolean,
): Message | undefined {
  const at = frames.findIndex((frame) => frame.toString() === DELIMITER);
  const [signature, ...rest] = frames.slice(at + 1);
  const parts = rest.slice(0, 4);
  if (at === -1 || parts.length < 4 || !isGenuine(signature!.toString(), parts)) return undefined;
  const [header, parentHeader, metadata, content] = parts.map(parseObject);
  if (!isHeader(header) || !parentHeader || !metadata || !content) return undefined;
  return { identities: frames.slice(0, at), header, parentHeader, metadata, content, buffers: rest.slice(4) };
}

function parseObject(part: Buffer): JsonObject | undefined {
  try {
    const value: Json = JSON.parse(part.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isHeader = (given: object | undefined): given is Header =>
  ["msg_id", "msg_type", "session"].every((name) => typeof (given as Record<string, unknown>)?.[name] === "string");

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
