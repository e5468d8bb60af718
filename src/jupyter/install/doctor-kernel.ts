/**
 * The doctor as a front end: starts a kernel as a kernelspec says, asks what it is, has it compute `1 + 1`, and sees that
 * it ends when asked.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CHANNELS, type Channel } from "../wire/connection.ts";
import { type Codec, createCodec, type Message } from "../wire/message.ts";
import type { DoctorEffects, Finding } from "./doctor.ts";
import { complaintIn } from "./find-jupyter.ts";
import { freePorts } from "./free-ports.ts";
import type { KernelSpec } from "./kernelspec.ts";

/** How long a kernel may take to answer, and then to end, in milliseconds. */
const PATIENCE = { answer: 60_000, end: 10_000 };

/** Pause between two looks at whether an answer has come, in milliseconds. */
const POLL = 20;

/** Not kept: it is no cell of the user's. */
const SUM = { code: "1 + 1", store_history: false };

/** Characters of what a kernel writes to standard error that are kept. */
const MAX_COMPLAINT = 10_000;

/** How a kernel is tried: what the user's interrupt ends, and how long it may take if not {@link PATIENCE}. */
export interface KernelTrial {
  readonly signal?: AbortSignal;
  readonly patience?: typeof PATIENCE;
}

/** Whether a kernel starts as the spec in the folder says. */
export async function checkKernel(spec: KernelSpec, folder: string, effects: DoctorEffects): Promise<Finding> {
  try {
    return { status: "ok", about: "kernel", text: await effects.tryKernel(spec, folder, effects) };
  } catch (error) {
    effects.signal?.throwIfAborted();
    const command = spec.argv.filter((word) => word !== "{connection_file}").join(" ");
    const remedy = `\`${command}\` by hand should ask for a connection file`;
    return { status: "wrong", about: "kernel", text: (error as Error).message, remedy };
  }
}

/** Starts a kernel, has it add and ends it. Resolves to what the kernel says of itself; throws an error that says what failed. */
export async function tryKernel(spec: KernelSpec, folder: string, trial: KernelTrial = {}): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), "ptlab-doctor-"));
  try {
    return await tryKernelIn(scratch, spec, folder, trial);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function tryKernelIn(scratch: string, spec: KernelSpec, folder: string, trial: KernelTrial) {
  const ports = await freePorts(CHANNELS);
  // Whoever knows the key can have the kernel run code.
  const key = randomUUID();
  const file = join(scratch, "connection.json");
  const fields = Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, ports[channel]]));
  const rest = { transport: "tcp", ip: "127.0.0.1", key, signature_scheme: "hmac-sha256" };
  await writeFile(file, JSON.stringify({ ...fields, ...rest }), { mode: 0o600 });
  const kernel = startProcess(spec, { connection_file: file, resource_dir: folder }, scratch);
  try {
    return await converse(kernel, { key, address: (channel) => `tcp://127.0.0.1:${ports[channel]}` }, trial);
  } finally {
    kernel.child.kill("SIGKILL");
    // A program that it started may hold the other end, and this process would wait for it.
    kernel.child.stderr?.destroy();
  }
}

/** What a front end needs to know to talk with a kernel. */
interface Connection {
  readonly key: string;
  readonly address: (channel: Channel) => string;
}

interface KernelProcess {
  readonly child: ChildProcess;
  /** What it has ended with, once it has. */
  ending(): string | undefined;
}

function startProcess(spec: KernelSpec, places: Record<string, string>, cwd: string): KernelProcess {
  const [program = "", ...args] = spec.argv.map((word) =>
    word.replace(/\{(\w+)\}/g, (all, name) => places[name] ?? all),
  );
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...spec.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  let ending: string | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT);
  });
  child.on("error", (error) => {
    ending = error.message;
  });
  child.on("close", (status, signal) => {
    const words = complaintIn(complaint);
    ending ??= `${signal === null ? `status ${status}` : signal}${words && `, ${words}`}`;
  });
  return { child, ending: () => ending };
}

async function converse(
  kernel: KernelProcess,
  connection: Connection,
  { patience = PATIENCE, signal }: KernelTrial,
): Promise<string> {
  const started = performance.now();
  const pause = () => sleep(POLL, undefined, { signal });
  const client = await connect(connection);
  /** The first message that fits; asks again and again, since what is published before a subscription takes effect is lost. */
  const answer = async (type: string, ask: () => void): Promise<Message["content"]> => {
    for (const end = performance.now() + patience.answer; performance.now() < end; ) {
      ask();
      for (let i = 0; i < 1000 / POLL; i++) {
        if (kernel.ending() !== undefined) throw new Error(`it ended: ${kernel.ending()}`);
        const found = client.heard.find((message) => message.header.msg_type === type);
        if (found !== undefined) return found.content;
        await pause();
      }
    }
    throw new Error(`no ${type} within ${patience.answer / 1000} s`);
  };
  try {
    const { banner } = await answer("kernel_info_reply", () => client.send("kernel_info_request", {}));
    const { data } = await answer("execute_result", () => client.send("execute_request", SUM));
    const sum = (data as Record<string, unknown>)["text/plain"];
    if (sum !== "2") throw new Error(`1 + 1 is ${sum}`);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    client.send("shutdown_request", { restart: false });
    for (const end = performance.now() + patience.end; kernel.ending() === undefined; await pause())
      if (performance.now() > end) throw new Error(`it did not end within ${patience.end / 1000} s of being asked to`);
    return `${banner}; 1 + 1 is 2, ${seconds} s after the start`;
  } finally {
    client.close();
  }
}

async function connect({ key, address }: Connection) {
  // Here and not at the top: where its native module cannot load, the doctor has to live to say so.
  const { Dealer, Subscriber } = await import("zeromq");
  const codec = createCodec(key, "hmac-sha256");
  const shell = new Dealer({ linger: 0 });
  const iopub = new Subscriber({ linger: 0 });
  const heard: Message[] = [];
  shell.connect(address("shell"));
  iopub.subscribe();
  iopub.connect(address("iopub"));
  for (const socket of [shell, iopub]) void listen(socket, codec, heard);
  return {
    heard,
    send: (type: string, content: object) =>
      void shell.send(codec.encode({ identities: [], type, content })).catch(() => {}),
    close() {
      shell.close();
      iopub.close();
    },
  };
}

async function listen(socket: AsyncIterable<Buffer[]>, codec: Codec, heard: Message[]): Promise<void> {
  for await (const frames of socket) {
    const message = codec.decode(frames);
    if (message !== undefined) heard.push(message);
  }
}
