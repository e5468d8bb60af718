/**
 * The five sockets of a kernel. What is sent keeps its order; what comes in unsigned or broken is dropped.
 */
import { Publisher, Reply, Router } from "zeromq";
import type { Channel, Connection } from "./connection.ts";
import { type Codec, createCodec, type Message, type Outgoing } from "./message.ts";

/** Channels on which requests come in. */
export type RequestChannel = "shell" | "control" | "stdin";

/** The open sockets of a kernel. */
export interface Sockets {
  /** Calls the handler for every message of a channel, until the sockets are closed. */
  listen(channel: RequestChannel, handle: (message: Message) => void): void;
  /** Sends to one front end, or on `iopub` to all. */
  send(channel: RequestChannel | "iopub", message: Outgoing): void;
  /** Sends what is waiting and closes. */
  close(): Promise<void>;
}

/** Opens the sockets of a kernel at the addresses of its connection file. */
export async function openSockets(connection: Connection): Promise<Sockets> {
  const codec = createCodec(connection.key, connection.scheme);
  // A front end that has gone must not keep the process: at most a second for the last messages.
  const options = { linger: 1000 };
  const routers = { shell: new Router(options), control: new Router(options), stdin: new Router(options) };
  const iopub = new Publisher(options);
  const heartbeat = new Reply(options);
  const all = { ...routers, iopub, hb: heartbeat } satisfies Record<Channel, object>;
  for (const [channel, socket] of Object.entries(all)) await socket.bind(connection.address(channel as Channel));
  const queues = new Map<string, Promise<void>>();
  void echo(heartbeat);
  return {
    listen: (channel, handle) => void read(routers[channel], codec, handle),
    send(channel, message) {
      const socket = channel === "iopub" ? iopub : routers[channel];
      const frames = codec.encode(message);
      // A front end that is gone is no error of the kernel.
      const sent = (queues.get(channel) ?? Promise.resolve()).then(() => socket.send(frames)).catch(() => {});
      queues.set(channel, sent);
    },
    async close() {
      await Promise.all(queues.values());
      for (const socket of Object.values(all)) socket.close();
    },
  };
}

async function read(socket: Router, codec: Codec, handle: (message: Message) => void): Promise<void> {
  for await (const frames of socket) {
    const message = codec.decode(frames);
    if (message !== undefined) handle(message);
  }
}

async function echo(socket: Reply): Promise<void> {
  for await (const frames of socket) await socket.send(frames);
}
