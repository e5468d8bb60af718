/**
 * What a kernel says of itself, and how it frames, answers and refuses requests: the real program, over ZeroMQ.
 */
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Subscriber } from "zeromq";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { CHANNELS } from "../../src/jupyter/wire/connection.ts";
import { createCodec } from "../../src/jupyter/wire/message.ts";
import { type Client, type Seen, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
});
afterAll(() => client.close());

describe("kernel_info", () => {
  test("has a status, the protocol's version, and the true language with its true version", async () => {
    const version = async (path: string) =>
      JSON.parse(await readFile(`${PROJECT_ROOT}/${path}package.json`, "utf8")).version;
    const typescript = await version("node_modules/typescript/");
    expect((await client.request("shell", "kernel_info_request")).reply).toEqual({
      status: "ok",
      protocol_version: "5.4",
      implementation: "ptlab",
      implementation_version: await version(""),
      language_info: {
        name: "typescript",
        version: typescript,
        mimetype: "text/typescript",
        file_extension: ".ts",
        pygments_lexer: "typescript",
        codemirror_mode: expect.anything(),
        nbconvert_exporter: "script",
      },
      banner: `ptlab ${await version("")}: TypeScript ${typescript} on Node ${process.versions.node}`,
      debugger: false,
      help_links: [{ text: "TypeScript", url: expect.stringMatching(/^https:/) }],
    });
  });

  test("is answered on control while a cell computes", async () => {
    const busy = client.execute("console.log('busy'); while (true) {}");
    await client.published("stream", "busy");
    expect((await client.request("control", "kernel_info_request")).reply?.status).toBe("ok");
    await client.request("control", "interrupt_request");
    await busy;
  });
});

describe("a request", () => {
  test("is framed by busy and idle, whatever it asks", async () => {
    const frames = async (type: string, content: object) =>
      (await client.request("shell", type, content)).published.map((m) => m.content.execution_state ?? m.type);
    expect(await frames("execute_request", { code: "1" })).toEqual(["busy", "execute_input", "execute_result", "idle"]);
    expect(await frames("complete_request", { code: "Mat", cursor_pos: 3 })).toEqual(["busy", "idle"]);
    expect(await frames("comm_info_request", {})).toEqual(["busy", "idle"]);
  });

  test("is the parent of its reply and of all that is published for it, exactly as it was sent", async () => {
    const { message, published } = await client.execute("console.log(1); 2");
    expect(message?.type).toBe("execute_reply");
    expect(message?.parentHeader).toEqual(client.sent());
    expect(published.map((m) => m.parentHeader)).toEqual(published.map(() => client.sent()));
  });

  test("keeps fields of its header that the kernel does not know", async () => {
    const own = { msg_id: "own-1", msg_type: "kernel_info_request", username: "ada" };
    const header = { ...client.sent(), ...own, subshell_id: null, extra: { deep: [1] } };
    await client.raw(signed([JSON.stringify(header), "{}", "{}", "{}"]));
    const reply = await client.seen((m) => m.channel === "shell" && m.parentHeader.msg_id === "own-1");
    expect(reply.parentHeader).toEqual(header);
  });

  test("that the kernel does not know gets an error as its reply", async () => {
    expect((await client.request("shell", "no_such_request")).reply).toEqual({
      status: "error",
      ename: "UnknownRequest",
      evalue: "this kernel does not know no_such_request",
      traceback: [],
    });
    expect((await client.request("shell", "connect_request")).message).toMatchObject({
      type: "connect_reply",
      content: { status: "error" },
    });
    expect((await client.request("shell", "constructor_request")).reply?.status).toBe("error");
  });

  test("to debug is answered by a failure that says why, since kernel_info offers no debugger", async () => {
    const request = { type: "request", seq: 7, command: "initialize", arguments: {} };
    const { message, published } = await client.request("control", "debug_request", request);
    expect(message?.type).toBe("debug_reply");
    expect(message?.content).toMatchObject({ type: "response", request_seq: 7, command: "initialize", success: false });
    expect(message?.content.message).toContain("no debugger");
    expect(published.map(({ type }) => type)).toEqual(["status", "status"]);
  });
});

describe("a message of the kernel", () => {
  test("has the six fields of a header, its own session and a time with its zone", async () => {
    const { message, published } = await client.execute("1");
    for (const { header } of [message!, ...published])
      expect(header).toEqual({
        msg_id: expect.stringMatching(/^[\da-f-]{36}$/),
        session: message?.header.session,
        username: "kernel",
        date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
        msg_type: expect.any(String),
        version: "5.4",
      });
    expect(message?.header.session).not.toBe(client.sent().session);
    expect(new Set(published.map(({ header }) => header.msg_id)).size).toBe(published.length);
  });
});

describe("what comes in wrongly does no harm:", () => {
  const code = "(globalThis as any).forged = true";
  const request = { identities: [], type: "execute_request", content: { code } };
  const header = () => JSON.stringify({ ...client.sent(), msg_id: `forged-${Math.random()}`, msg_type: request.type });

  test.each<[string, () => (string | Buffer)[]]>([
    ["a signature with another key", () => createCodec("another key", "hmac-sha256").encode(request)],
    ["no signature", () => ["<IDS|MSG>", "", header(), "{}", "{}", JSON.stringify(request.content)]],
    ["a change after signing", () => createCodec(client.key, "hmac-sha256").encode(request).with(-1, '{"code":"1"}')],
    ["no delimiter", () => createCodec(client.key, "hmac-sha256").encode(request).slice(1)],
    ["too few frames", () => ["<IDS|MSG>", "", "{}"]],
    ["a header that is no JSON", () => signed(["{", "{}", "{}", "{}"])],
    ["a header that is no object", () => signed(["[]", "{}", "{}", "{}"])],
    ["a header without an id", () => signed(['{"msg_type":"execute_request"}', "{}", "{}", "{}"])],
    ["a content that is no object", () => signed([header(), "{}", "{}", "null"])],
    ["a parent that is no object", () => signed([header(), "null", "{}", JSON.stringify(request.content)])],
    ["bytes that are no text", () => signed([Buffer.from([0xff, 0xfe, 0x00]), "{}", "{}", "{}"])],
    ["nonsense", () => ["nonsense"]],
    ["nothing", () => [""]],
  ])("%s", async (_, frames) => {
    for (const channel of ["shell", "control", "stdin"] as const) await client.raw(frames(), channel);
    expect(await resultOf("typeof (globalThis as any).forged")).toBe("'undefined'");
  });

  test("a message that is sent a second time is not heard again", async () => {
    await client.execute("let times = 0;");
    const frames = createCodec(client.key, "hmac-sha256").encode({ ...request, content: { code: "++times" } });
    for (const channel of ["shell", "shell", "control"] as const) await client.raw(frames, channel);
    expect(await resultOf("times")).toBe("1");
  });

  test("contents of the wrong types", async () => {
    const wrong = { code: 5, cursor_pos: "x", detail_level: "y", user_expressions: 7, hist_access_type: 1, n: "z" };
    for (const type of ["execute", "complete", "inspect", "is_complete", "history", "comm_info"])
      expect((await client.request("shell", `${type}_request`, wrong)).reply).toHaveProperty("status");
    expect(await resultOf("1")).toBe("1");
  });
});

test("the heartbeat is echoed while a cell computes", async () => {
  const busy = client.execute("console.log('busy'); while (true) {}");
  await client.published("stream", "busy");
  expect(await client.heartbeat("ping")).toBe("ping");
  await client.request("control", "interrupt_request");
  expect((await busy).reply).toMatchObject({ status: "error", ename: "Interrupted" });
});

describe("iopub", () => {
  test("greets a subscriber when it hears all, with the topic that it has subscribed to", async () => {
    const socket = new Subscriber({ linger: 0 });
    socket.subscribe("stream");
    socket.connect(client.address("iopub"));
    const codec = createCodec(client.key, "hmac-sha256");
    const [topic, ...frames] = await socket.receive();
    expect(topic?.toString()).toBe("stream");
    const greeting = codec.decode(frames);
    expect(greeting).toMatchObject({
      header: { msg_type: "iopub_welcome" },
      parentHeader: {},
      content: { subscription: "stream" },
    });
    await client.execute("console.log('heard')");
    expect(codec.decode((await socket.receive()).slice(1))?.content).toMatchObject({ text: "heard\n" });
    socket.close();
  });
});

test.skipIf(process.platform !== "linux")("all five sockets listen on the loopback interface alone", async () => {
  const lines = await Promise.all(["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8")));
  const LISTENS = "0A";
  const listening = lines
    .flatMap((text) => text.split("\n"))
    .flatMap((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return state === LISTENS ? [local!] : [];
    });
  for (const channel of CHANNELS) {
    const port = Number(client.address(channel).split(":").at(-1)).toString(16).toUpperCase().padStart(4, "0");
    // 127.0.0.1, the last byte first.
    expect(listening.filter((local) => local.endsWith(`:${port}`))).toEqual([`0100007F:${port}`]);
  }
});

test("with an empty key messages are unsigned, and a signature is not looked at", async () => {
  const open = await startClient({ key: "" });
  expect((await open.execute("1 + 1")).message?.content.status).toBe("ok");
  const request = { type: "kernel_info_request", content: {}, identities: [], id: "signed-anyway" };
  await open.raw(createCodec("some key", "hmac-sha256").encode(request));
  await open.seen((m: Seen) => m.channel === "shell" && m.parentHeader.msg_id === "signed-anyway");
  await open.close();
});

/** Frames with a right signature, whatever the parts hold. */
function signed(parts: readonly (string | Buffer)[]): (string | Buffer)[] {
  const hmac = createHmac("sha256", client.key);
  for (const part of parts) hmac.update(part);
  return ["<IDS|MSG>", hmac.digest("hex"), ...parts];
}

const resultOf = async (code: string) => (await client.execute(code)).of("execute_result")[0]?.data["text/plain"];
