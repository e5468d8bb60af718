/**
 * A small Jupyter front end over ZeroMQ for tests: starts the real kernel process and speaks the protocol with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dealer, Request, Subscriber } from "zeromq";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { CHANNELS, type Channel } from "../../src/jupyter/wire/connection.ts";
import { createCodec, type Message, type Outgoing } from "../../src/jupyter/wire/message.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever JSON came back
export type Content = Record<string, any>;

/** A request's reply and everything that was published because of it, up to `idle`. */
export interface Answered {
  readonly reply: Content | undefined;
  readonly published: readonly Published[];
  /** Contents of the published messages of one type. */
  of(type: string): Content[];
}

/** One published message. */
export interface Published {
  readonly type: string;
  readonly content: Content;
  readonly metadata: Content;
  readonly buffers: readonly Buffer[];
}

/** What goes along with a request. */
export type Extras = Pick<Outgoing, "metadata" | "buffers">;

export interface Client {
  readonly process: ChildProcess;
  request(channel: "shell" | "control", type: string, content?: object, extras?: Extras): Promise<Answered>;
  execute(code: string, content?: object): Promise<Answered>;
  /** Resolves when a message of this type that contains the text is published. */
  published(type: string, text: string): Promise<void>;
  /** Sends frames as they are. */
  raw(frames: (string | Buffer)[]): Promise<void>;
  heartbeat(text: string): Promise<string>;
  close(): Promise<void>;
}

const KEY = "a key of this test";

/** Starts a kernel in the project's root and waits until it answers. */
export async function startClient(): Promise<Client> {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-wire-"));
  const ports = Object.fromEntries(await Promise.all(CHANNELS.map(async (c) => [c, await freePort()] as const)));
  const file = join(folder, "connection.json");
  const fields = Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, ports[channel]]));
  const rest = { transport: "tcp", ip: "127.0.0.1", key: KEY, signature_scheme: "hmac-sha256" };
  await writeFile(file, JSON.stringify({ ...fields, ...rest }));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", LAUNCHER, file], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const client = connect(child, (channel) => `tcp://127.0.0.1:${ports[channel]}`);
  // A subscription takes effect some time after it is asked for.
  for (let heard = 0; heard === 0; ) heard = (await client.request("control", "kernel_info_request")).published.length;
  return { ...client, close: () => client.close().finally(() => rm(folder, { recursive: true })) };
}

export const LAUNCHER = join(PROJECT_ROOT, "src", "jupyter", "launch.ts");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

interface Waiting {
  reply?: Content;
  readonly published: Published[];
  resolve(): void;
}

function connect(child: ChildProcess, address: (channel: Channel) => string): Client {
  const codec = createCodec(KEY, "hmac-sha256");
  const sockets = { shell: new Dealer({ linger: 0 }), control: new Dealer({ linger: 0 }) };
  const iopub = new Subscriber({ linger: 0 });
  const hb = new Request({ linger: 0 });
  iopub.subscribe();
  iopub.connect(address("iopub"));
  hb.connect(address("hb"));
  const waiting = new Map<string, Waiting>();
  const ends = new Set<(error: Error) => void>();
  child.once("exit", () => {
    for (const reject of ends) reject(new Error("the kernel ended"));
  });
  const watchers = new Set<(type: string, content: Content) => void>();
  void listen(iopub, (message) => {
    for (const watch of watchers) watch(message.header.msg_type, message.content);
    const entry = waiting.get(String(message.parentHeader.msg_id));
    const { header, content, metadata, buffers } = message;
    entry?.published.push({ type: header.msg_type, content, metadata, buffers });
    if (message.content.execution_state === "idle") entry?.resolve();
  });
  for (const channel of ["shell", "control"] as const) {
    sockets[channel].connect(address(channel));
    void listen(sockets[channel], (message) => {
      const entry = waiting.get(String(message.parentHeader.msg_id));
      if (entry !== undefined) entry.reply = message.content;
      entry?.resolve();
    });
  }
  async function listen(socket: AsyncIterable<Buffer[]>, handle: (message: Message) => void): Promise<void> {
    for await (const frames of socket) {
      const message = codec.decode(frames);
      if (message === undefined) throw new Error("the kernel sent a message that is not signed");
      handle(message);
    }
  }
  const request: Client["request"] = async (channel, type, content = {}, extras = {}) => {
    const frames = codec.encode({ identities: [], type, content, ...extras });
    const id = JSON.parse(String(frames[2])).msg_id as string;
    const wantsReply = type.endsWith("_request");
    const published: Waiting["published"] = [];
    await new Promise<void>((resolve, reject) => {
      const isIdle = () => published.some((p) => p.content.execution_state === "idle");
      const entry: Waiting = {
        published,
        resolve: () => {
          // The first requests have to do with their replies, see above.
          if ((entry.reply !== undefined || !wantsReply) && (isIdle() || type === "kernel_info_request")) resolve();
        },
      };
      waiting.set(id, entry);
      ends.add(reject);
      sockets[channel].send(frames).catch(reject);
    });
    const reply = waiting.get(id)?.reply;
    return { reply, published, of: (name) => published.filter((p) => p.type === name).map((p) => p.content) };
  };
  return {
    process: child,
    request,
    execute: (code, content = {}) => request("shell", "execute_request", { code, ...content }),
    published: (type, text) =>
      new Promise((resolve) => {
        const watch = (given: string, content: Content) => {
          if (given !== type || !JSON.stringify(content).includes(text)) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
      }),
    raw: (frames) => sockets.shell.send(frames),
    heartbeat: async (text) => {
      await hb.send(text);
      return String((await hb.receive())[0]);
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      for (const socket of [...Object.values(sockets), iopub, hb]) socket.close();
    },
  };
}
