/**
 * The five sockets of a kernel. What is sent keeps its order and arrives, however slowly a front end reads; what comes in
 * unsigned or broken is dropped.
 */
import { Reply, Router, XPublisher } from "zeromq";
import type { Channel, Connection } from "./connection.ts";
import { type Codec, createCodec, type Message, type Outgoing } from "./message.ts";

/** Channels on which requests come in. */
export type RequestChannel = "shell" | "control" | "stdin";

/** The open sockets of a kernel. */
export interface Sockets {
  /** Calls the handler for every message of a channel, until the sockets are closed. */
  listen(channel: RequestChannel, handle: (message: Message) => void): void;
  /** Sends to one front end, or on `iopub` to all. On `stdin` it tells whether that front end is there; others may go. */
  send(channel: RequestChannel | "iopub", message: Outgoing): Promise<boolean>;
  /** Sends what is waiting and closes. */
  close(): Promise<void>;
}

/** Opens the sockets of a kernel at the addresses of its connection file. */
export async function openSockets(connection: Connection): Promise<Sockets> {
  const codec = createCodec(connection.key, connection.scheme);
  // A front end that has gone must not keep the process: at most a second for the last messages.
  const options = { linger: 1000 };
  // On stdin the kernel speaks first, and a question to a front end that does not listen there must not wait for ever.
  const stdin = new Router({ ...options, mandatory: true });
  const routers = { shell: new Router(options), control: new Router(options), stdin };
  // Also a topic that another front end has subscribed to is told, because each one waits for its welcome.
  // No limit to what waits: beyond one, outputs of a quick loop would be lost, and the `idle` that ends it.
  const iopub = new XPublisher({ ...options, verbosity: "allSubs", sendHighWaterMark: 0 });
  const heartbeat = new Reply(options);
  const all = { ...routers, iopub, hb: heartbeat } satisfies Record<Channel, object>;
  for (const [channel, socket] of Object.entries(all)) await socket.bind(connection.address(channel as Channel));
  const queues = new Map<string, Promise<boolean>>();
  void echo(heartbeat);
  void welcome(iopub, (message) => void sockets.send("iopub", message));
  const sockets: Sockets = {
    listen: (channel, handle) => void read(routers[channel], codec, handle),
    send(channel, message) {
      const socket = channel === "iopub" ? iopub : routers[channel];
      const frames = codec.encode(message);
      const sent = (queues.get(channel) ?? Promise.resolve(true)).then(() => socket.send(frames));
      // A front end that is gone is no error of the kernel.
      const done = sent.then(
        () => true,
        () => false,
      );
      queues.set(channel, done);
      return done;
    },
    async close() {
      await Promise.all(queues.values());
      for (const socket of Object.values(all)) socket.close();
    },
  };
  return sockets;
}

async function read(socket: Router, codec: Codec, handle: (message: Message) => void): Promise<void> {
  for await (const frames of socket) {
    const message = codec.decode(frames);
    if (message !== undefined) handle(message);
  }
}

/** First byte of what a subscriber sends when it subscribes; the topic follows. */
const SUBSCRIBES = 1;

/** Tells each new subscriber that it hears everything from now on. Source: Jupyter enhancement proposal 65. */
async function welcome(socket: XPublisher, send: (message: Outgoing) => void): Promise<void> {
  for await (const [frame] of socket) {
    if (frame?.[0] !== SUBSCRIBES) continue;
    const subscription = frame.subarray(1).toString();
    send({ identities: [subscription], type: "iopub_welcome", content: { subscription } });
  }
}

async function echo(socket: Reply): Promise<void> {
  for await (const frames of socket) await socket.send(frames);
}
