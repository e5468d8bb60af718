/**
 * Several front ends at once, and front ends behind a proxy.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Dealer, Router, Subscriber } from "zeromq";
import { freePorts } from "../../src/jupyter/install/free-ports.ts";
import type { Channel } from "../../src/jupyter/wire/connection.ts";
import { createCodec } from "../../src/jupyter/wire/message.ts";
import { type Client, type Outward, type Seen, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
});
afterAll(() => client.close());

test("each front end gets its own replies, and both see what is published for either", async () => {
  const other = await client.join();
  const [mine, theirs] = await Promise.all([client.execute("'mine'"), other.execute("'theirs'")]);
  const of = (sender: Client) => (m: Seen) => m.parentHeader.msg_id === sender.sent().msg_id;
  expect(mine.message?.parentHeader).toEqual(client.sent());
  expect(theirs.message?.parentHeader).toEqual(other.sent());
  for (const [watcher, sender] of [
    [client, other],
    [other, client],
  ] as const) {
    await watcher.seen((m) => of(sender)(m) && m.content.execution_state === "idle");
    const seen = watcher.all().filter(of(sender));
    expect(seen.map((m) => [m.channel, m.content.execution_state ?? m.type])).toEqual([
      ["iopub", "busy"],
      ["iopub", "execute_input"],
      ["iopub", "execute_result"],
      ["iopub", "idle"],
    ]);
  }
  other.leave();
});

test("front ends share the session and its count", async () => {
  const other = await client.join();
  const first = await client.execute("let shared = 3;");
  const second = await other.execute("shared + 1");
  expect(second.of("execute_result")).toMatchObject([{ data: { "text/plain": "4" } }]);
  expect(second.reply?.execution_count).toBe(first.reply?.execution_count + 1);
  other.leave();
});

test("a front end that goes in the middle of its cell takes nothing along", async () => {
  const leaving = await client.join();
  const code = "console.log('started'); await new Promise((done) => setTimeout(done, 50)); let left = 1;";
  const started = client.published("stream", "started");
  await leaving.send("shell", { type: "execute_request", content: { code } });
  await started;
  leaving.leave();
  expect((await client.execute("left")).of("execute_result")).toMatchObject([{ data: { "text/plain": "1" } }]);
});

test("a reply and a question find their way back through a proxy, which adds an identity of its own", async () => {
  const proxy = await startProxy(client);
  const behind = await client.join({ address: proxy.address });
  expect((await behind.request("control", "kernel_info_request")).reply?.status).toBe("ok");
  const ran = behind.execute('import { input } from "ptlab/jupyter";\nawait input("through?")', { allow_stdin: true });
  await (await behind.asked()).answer("yes");
  expect((await ran).of("execute_result")).toMatchObject([{ data: { "text/plain": "'yes'" } }]);
  expect((await ran).message?.parentHeader).toEqual(behind.sent());
  behind.leave();
  proxy.close();
});

test("a front end that reads late misses nothing of a quick loop, nor its end", async () => {
  const late = new Subscriber({ linger: 0, receiveHighWaterMark: 1 });
  late.connect(client.address("iopub"));
  late.subscribe();
  const codec = createCodec(client.key, "hmac-sha256");
  const next = async () => codec.decode(await late.receive())!;
  while ((await next()).header.msg_type !== "iopub_welcome");
  const displays = 5000;
  await client.execute(`import { display } from "ptlab/jupyter";
    for (let i = 0; i < ${displays}; i++) await display("x".repeat(8000));`);
  let seen = 0;
  for (let message = await next(); message.content.execution_state !== "idle"; message = await next())
    if (message.header.msg_type === "display_data") seen++;
  expect(seen).toBe(displays);
  late.close();
});

/** Front ends connect to its routers; towards the kernel it is one front end with one identity on every channel. */
async function startProxy(kernel: Client): Promise<{ address(channel: Channel): string; close(): void }> {
  const channels = ["shell", "control", "stdin"] as const satisfies Outward[];
  const ports = await freePorts(channels);
  const addresses = new Map<Channel, string>(channels.map((channel) => [channel, `tcp://127.0.0.1:${ports[channel]}`]));
  const sockets: (Router | Dealer)[] = [];
  const pump = async (from: Router | Dealer, to: Router | Dealer) => {
    for await (const frames of from) await to.send(frames);
  };
  for (const channel of channels) {
    const front = new Router({ linger: 0 });
    const back = new Dealer({ linger: 0, routingId: "the proxy" });
    await front.bind(addresses.get(channel)!);
    back.connect(kernel.address(channel));
    void pump(front, back);
    void pump(back, front);
    sockets.push(front, back);
  }
  return {
    address: (channel) => addresses.get(channel) ?? kernel.address(channel),
    close() {
      for (const socket of sockets) socket.close();
    },
  };
}
