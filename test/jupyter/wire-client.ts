/**
 * A small Jupyter front end over ZeroMQ for tests: starts the real kernel process and speaks the protocol with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dealer, Request, Subscriber } from "zeromq";
import { freePorts } from "../../src/jupyter/install/free-ports.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { CHANNELS, type Channel } from "../../src/jupyter/wire/connection.ts";
import { HISTORY_VARIABLE } from "../../src/jupyter/wire/history-file.ts";
import { type Codec, createCodec, type Message, type Outgoing } from "../../src/jupyter/wire/message.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever JSON came back
export type Content = Record<string, any>;

/** A message as a test sees it. */
export interface Seen extends Omit<Message, "content"> {
  readonly channel: Channel;
  readonly type: string;
  readonly content: Content;
}

/** A request's reply and everything that was published because of it, up to `idle`. */
export interface Answered {
  readonly reply: Content | undefined;
  /** The reply with its headers. */
  readonly message: Seen | undefined;
  readonly published: readonly Seen[];
  /** Contents of the published messages of one type. */
  of(type: string): Content[];
}

/** What goes along with a request. */
export type Extras = Pick<Outgoing, "metadata" | "buffers">;

/** A question of a cell, which waits for its answer. */
export interface Asked {
  readonly content: Content;
  readonly message: Seen;
  /** Answers as the protocol wants it; `parent` false leaves the parent header out, as old front ends do. */
  answer(text: string, options?: { parent?: boolean }): Promise<void>;
}

/** Channels on which a front end sends. */
export type Outward = "shell" | "control" | "stdin";

export interface Client {
  readonly process: ChildProcess;
  /** The key that signs the messages. */
  readonly key: string;
  /** Where a channel of the kernel is. */
  readonly address: (channel: Channel) => string;
  /** Header of the last message that `request` has sent. */
  sent(): Content;
  request(channel: "shell" | "control", type: string, content?: object, extras?: Extras): Promise<Answered>;
  execute(code: string, content?: object): Promise<Answered>;
  /** All messages that have come. */
  all(): readonly Seen[];
  /** Resolves with the first message that matches, also one that came before. */
  seen(matches: (message: Seen) => boolean): Promise<Seen>;
  /** Resolves when a message of this type that contains the text is published from now on. */
  published(type: string, text: string): Promise<void>;
  /** The next question that has not been given out yet. */
  asked(): Promise<Asked>;
  /** Sends a message and waits for nothing. */
  send(channel: Outward, message: Omit<Outgoing, "identities">): Promise<void>;
  /** Sends frames as they are. */
  raw(frames: (string | Buffer)[], channel?: Outward): Promise<void>;
  heartbeat(text: string): Promise<string>;
  /** Another front end of the same kernel. */
  join(options?: JoinOptions): Promise<Client>;
  /** Starts another kernel process at the same addresses, as a front end does that restarts its kernel. */
  relaunch(): Promise<Client>;
  /** Closes the sockets and leaves the kernel alone. */
  leave(): void;
  /** Ends the kernel and closes the sockets. */
  close(): Promise<void>;
}

/** How a front end connects. */
export interface JoinOptions {
  readonly key?: string;
  /** Connects to other addresses than the kernel's own, such as those of a proxy. */
  readonly address?: (channel: Channel) => string;
  /** Without it no stdin connection is made. */
  readonly stdin?: boolean;
  /** Without it the subscription is not waited for, which a kernel of before protocol 5.4 says nothing about. */
  readonly welcome?: boolean;
}

const KEY = "a key of this test";

/** What a front end starts, and how: `env` is added to the environment, `command` stands before the connection file. */
export interface Kernel extends Pick<JoinOptions, "key" | "welcome"> {
  readonly env?: Record<string, string>;
  readonly command?: readonly string[];
}

/** Starts a kernel, this project's unless a command is given, in the project's root and waits until it answers. */
export async function startClient(kernel: Kernel = {}): Promise<Client> {
  const { key = KEY, env = {}, command = OWN_KERNEL, welcome } = kernel;
  const folder = await mkdtemp(join(tmpdir(), "ptlab-wire-"));
  const ports = await freePorts(CHANNELS);
  const file = join(folder, "connection.json");
  const fields = Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, ports[channel]]));
  const rest = { transport: "tcp", ip: "127.0.0.1", key, signature_scheme: "hmac-sha256" };
  await writeFile(file, JSON.stringify({ ...fields, ...rest }));
  const launch = async (): Promise<Client> => {
    const child = spawn(process.execPath, [...command, file], {
      cwd: PROJECT_ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, [HISTORY_VARIABLE]: join(folder, "history.sqlite"), ...env },
    });
    const client = await connect(child, { key, welcome, address: (channel) => `tcp://127.0.0.1:${ports[channel]}` });
    return { ...client, relaunch: launch };
  };
  const client = await launch();
  return { ...client, close: () => client.close().finally(() => rm(folder, { recursive: true })) };
}

export const LAUNCHER = join(PROJECT_ROOT, "src", "jupyter", "launch.ts");
const OWN_KERNEL = ["--disable-warning=ExperimentalWarning", LAUNCHER];

let joined = 0;

type Address = Required<Pick<JoinOptions, "key" | "address">>;

async function connect(child: ChildProcess, options: Address & JoinOptions): Promise<Client> {
  const { key, address, welcome = true } = options;
  const codec = createCodec(key, "hmac-sha256");
  const inbox = createInbox();
  child.once("exit", () => inbox.end());
  const channels = openChannels(options, (channel, frames) => {
    const message = codec.decode(frames);
    if (message === undefined) throw new Error("the kernel sent a message that is not signed");
    inbox.put({ ...message, channel, type: message.header.msg_type });
  });
  const send: Client["send"] = (channel, message) =>
    channels.send(channel, codec.encode({ identities: [], ...message }));
  const { request, sent } = createRequests(codec, channels.send, inbox);
  const client: Client = {
    process: child,
    ...{ key, address, request, sent, send },
    execute: (code, content = {}) => request("shell", "execute_request", { code, ...content }),
    all: () => inbox.all,
    seen: inbox.seen,
    async published(type, text) {
      const before = inbox.all.length;
      const isMeant = (m: Seen) => m.type === type && JSON.stringify(m.content).includes(text);
      await inbox.seen((m) => isMeant(m) && inbox.all.indexOf(m) >= before);
    },
    asked: createQuestions(send, inbox),
    raw: (frames, channel = "shell") => channels.send(channel, frames),
    heartbeat: channels.heartbeat,
    join: (own = {}) => connect(child, { ...options, ...own }),
    relaunch: () => Promise.reject(new Error("only the front end that has started the kernel starts it anew")),
    leave: channels.close,
    close: () => end(child).then(channels.close),
  };
  if (welcome) await inbox.seen((m) => m.type === "iopub_welcome");
  return client;
}

/** The sockets of one front end; each message that comes goes to `hear`. */
function openChannels(
  { address, stdin = true }: Address & JoinOptions,
  hear: (channel: Channel, frames: Buffer[]) => void,
) {
  // One identity on all channels: it is how a question finds the front end that asked.
  const routingId = `front-end-${process.pid}-${++joined}`;
  const dealer = () => new Dealer({ linger: 0, routingId });
  const sockets = { shell: dealer(), control: dealer(), stdin: dealer() };
  const iopub = new Subscriber({ linger: 0 });
  const hb = new Request({ linger: 0 });
  const listen = async (channel: Channel, socket: AsyncIterable<Buffer[]>): Promise<void> => {
    for await (const frames of socket) hear(channel, frames);
  };
  iopub.subscribe();
  for (const [channel, socket] of Object.entries({ ...sockets, iopub }) as [Channel, Dealer][]) {
    if (channel === "stdin" && !stdin) continue;
    socket.connect(address(channel));
    void listen(channel, socket);
  }
  hb.connect(address("hb"));
  return {
    send: (channel: Outward, frames: (string | Buffer)[]) => sockets[channel].send(frames),
    async heartbeat(text: string) {
      await hb.send(text);
      return String((await hb.receive())[0]);
    },
    close() {
      for (const socket of [...Object.values(sockets), iopub, hb]) socket.close();
    },
  };
}

type Inbox = ReturnType<typeof createInbox>;

function createRequests(
  codec: Codec,
  send: ReturnType<typeof openChannels>["send"],
  inbox: Inbox,
): Pick<Client, "request" | "sent"> {
  let sent: Content = {};
  return {
    sent: () => sent,
    async request(channel, type, content = {}, extras = {}) {
      const frames = codec.encode({ identities: [], type, content, ...extras });
      const header = JSON.parse(String(frames[2])) as Content;
      sent = header;
      await send(channel, frames);
      const isMine = (m: Seen) => m.parentHeader.msg_id === header.msg_id;
      const isIdle = (m: Seen) => m.channel === "iopub" && m.content.execution_state === "idle";
      const isReply = (m: Seen) => m.channel === channel && isMine(m);
      const message = type.endsWith("_request") ? await inbox.seen(isReply) : undefined;
      await inbox.seen((m) => isMine(m) && isIdle(m));
      const published = inbox.all.filter((m) => m.channel === "iopub" && isMine(m));
      const of = (name: string) => published.filter((m) => m.type === name).map((m) => m.content);
      return { reply: message?.content, message, published, of };
    },
  };
}

function createQuestions(send: Client["send"], inbox: Inbox): Client["asked"] {
  let questions = 0;
  return async () => {
    const number = ++questions;
    const message = await inbox.seen((m) => m.channel === "stdin" && inbox.rank(m) === number);
    const answer: Asked["answer"] = (text, { parent = true } = {}) => {
      const content = { value: text };
      return send("stdin", { type: "input_reply", content, ...(parent && { parent: message.header }) });
    };
    return { content: message.content, message, answer };
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** All messages that came to a front end, and the waits for those to come. */
function createInbox() {
  const all: Seen[] = [];
  const waits = new Set<{ matches(m: Seen): boolean; resolve(m: Seen): void; reject(error: Error): void }>();
  let isEnded = false;
  return {
    all,
    put(message: Seen) {
      all.push(message);
      for (const wait of waits) {
        if (!wait.matches(message)) continue;
        waits.delete(wait);
        wait.resolve(message);
      }
    },
    seen: (matches: (m: Seen) => boolean) =>
      new Promise<Seen>((resolve, reject) => {
        const found = all.find(matches);
        if (found !== undefined) resolve(found);
        else if (isEnded) reject(new Error("the kernel ended"));
        else waits.add({ matches, resolve, reject });
      }),
    /** The place of a message among those of its channel, from 1. */
    rank: (message: Seen) => all.filter((m) => m.channel === message.channel).indexOf(message) + 1,
    end() {
      isEnded = true;
      for (const { reject } of waits) reject(new Error("the kernel ended"));
      waits.clear();
    },
  };
}
