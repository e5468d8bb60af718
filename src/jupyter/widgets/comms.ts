/**
 * Comms: channels by which cells and the front end send each other JSON and bytes, opened by either side. Widgets are made
 * of them. A session has one table of its comms; cells reach it through the bridge.
 */
import { randomUUID } from "node:crypto";
import type { JsonObject } from "../../notebook/format.ts";
import { getBridge } from "../session/bridge.ts";
import { currentRun, emitComm } from "../session/run.ts";
import { type CommMessage, closing } from "./comm-message.ts";

/** What can go along with a message. */
export interface CommExtras {
  readonly metadata?: JsonObject;
  readonly buffers?: readonly Uint8Array[];
}

/** A message of the front end. */
export interface CommEvent {
  readonly data: JsonObject;
  readonly metadata: JsonObject;
  readonly buffers: readonly Uint8Array[];
}

/** Called with a message. What it returns is waited for; what it throws is shown where the message came from. */
export type CommListener = (event: CommEvent) => unknown;

/** One open channel to the front end. */
export interface Comm {
  readonly id: string;
  readonly target: string;
  readonly isOpen: boolean;
  send(data: object, extras?: CommExtras): void;
  /** Returns what takes the listener away again. */
  onMessage(listener: CommListener): () => void;
  /** Called when the front end closes the comm. */
  onClose(listener: CommListener): () => void;
  close(data?: object, extras?: CommExtras): void;
}

/** Called with a comm that the front end has opened; adds its listeners before it awaits anything. */
export type CommOpened = (comm: Comm, event: CommEvent) => unknown;

/** The comms of a session. */
export interface Comms {
  open(target: string, data: object, extras: CommExtras, id: string): Comm;
  register(target: string, opened: CommOpened): () => void;
  /** Hands a message of the front end to whom it is for; resolves when all listeners are through. */
  receive(message: CommMessage): Promise<void>;
}

/** Opens a comm to what the front end has registered as `target`. An id is made up unless one is given. */
export function openComm(target: string, data: object = {}, extras: CommExtras = {}, id: string = randomUUID()): Comm {
  return comms().open(target, data, extras, id);
}

/** Accepts the comms that the front end opens for `target`; returns what ends that. */
export const registerCommTarget = (target: string, opened: CommOpened): (() => void) =>
  comms().register(target, opened);

/** Whether a front end hears what the running cell sends. */
export const commsAreHeard = (): boolean => currentRun()?.sendComm !== undefined;

function comms(): Comms {
  const bridge = getBridge();
  if (bridge === undefined) throw new Error("comms work in a notebook cell only");
  return bridge.comms;
}

interface Table {
  readonly open: Map<string, OpenComm>;
  readonly targets: Map<string, CommOpened>;
}

/** An empty table of comms. */
export function createComms(): Comms {
  const table: Table = { open: new Map(), targets: new Map() };
  return {
    open(target, data, extras, id) {
      const comm = new OpenComm(table, id, target);
      comm.emit("comm_open", data, extras);
      return comm;
    },
    register(target, opened) {
      table.targets.set(target, opened);
      return () => void (table.targets.get(target) === opened && table.targets.delete(target));
    },
    receive: (message) => receive(table, message),
  };
}

class OpenComm implements Comm {
  readonly id: string;
  readonly target: string;
  readonly messageListeners = new Set<CommListener>();
  readonly closeListeners = new Set<CommListener>();
  readonly #table: Table;

  constructor(table: Table, id: string, target: string) {
    this.id = id;
    this.target = target;
    this.#table = table;
    table.open.set(id, this);
  }

  get isOpen(): boolean {
    return this.#table.open.get(this.id) === this;
  }

  send(data: object, extras: CommExtras = {}): void {
    if (!this.isOpen) throw new Error(`comm '${this.target}' is closed`);
    this.emit("comm_msg", data, extras);
  }

  onMessage = (listener: CommListener): (() => void) => added(this.messageListeners, listener);
  onClose = (listener: CommListener): (() => void) => added(this.closeListeners, listener);

  close(data: object = {}, extras: CommExtras = {}): void {
    if (!this.isOpen) return;
    this.#table.open.delete(this.id);
    this.emit("comm_close", data, extras);
  }

  emit(type: CommMessage["type"], data: object, { metadata = {}, buffers = [] }: CommExtras): void {
    const { id: comm_id, target: target_name } = this;
    const content = { comm_id, data: asJson(data), ...(type === "comm_open" ? { target_name } : {}) };
    emitComm({ type, content, metadata: asJson(metadata), buffers: buffers.map(toBase64) });
  }
}

function added(listeners: Set<CommListener>, listener: CommListener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

async function receive(table: Table, message: CommMessage): Promise<void> {
  const { data, comm_id: id } = message.content;
  const event = { data, metadata: message.metadata, buffers: message.buffers.map(fromBase64) };
  if (message.type === "comm_open") return accept(table, message, event);
  const comm = table.open.get(id);
  if (comm === undefined) return;
  if (message.type === "comm_close") table.open.delete(id);
  const listeners = message.type === "comm_close" ? comm.closeListeners : comm.messageListeners;
  await Promise.all([...listeners].map(async (listener) => listener(event)));
}

/** An unknown target is answered by closing what the front end has just opened, and so is one whose handler fails. */
async function accept(table: Table, { content }: CommMessage, event: CommEvent): Promise<void> {
  const target = String(content.target_name);
  const opened = table.targets.get(target);
  if (opened === undefined) return emitComm(closing(content.comm_id));
  const comm = new OpenComm(table, content.comm_id, target);
  try {
    await opened(comm, event);
  } catch (error) {
    comm.close();
    throw error;
  }
}

// What JSON cannot hold fails here, in the cell that sends it.
const asJson = (value: object): JsonObject => JSON.parse(JSON.stringify(value));
const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
