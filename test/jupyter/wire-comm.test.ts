/**
 * Comms as a Jupyter front end meets them: opened by either side, with bytes, listed, closed, and their listeners run,
 * shown and interrupted like cells.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answered, type Client, type Extras, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
  await client.execute(`import { openComm, registerCommTarget } from "ptlab/jupyter";`);
});
afterAll(() => client.close());

const say = (type: "comm_open" | "comm_msg" | "comm_close", content: object, extras: Extras = {}): Promise<Answered> =>
  client.request("shell", type, { data: {}, ...content }, extras);

/** Runs a cell that opens a comm and gives that comm's id. */
async function opened(code: string): Promise<string> {
  const { reply, of } = await client.execute(code);
  expect(reply).toMatchObject({ status: "ok" });
  return of("comm_open")[0]!.comm_id;
}

const comms = async (content: object = {}) =>
  (await client.request("shell", "comm_info_request", content)).reply?.comms as Record<string, unknown>;

describe("a comm that a cell opens", () => {
  test("is published with target, data, metadata and bytes", async () => {
    const { published } = await client.execute(
      `openComm("t.a", { n: 1 }, { metadata: { version: "2.1.0" }, buffers: [new Uint8Array([0, 255]), new Uint8Array([10])] }, "fixed");`,
    );
    const message = published.find(({ type }) => type === "comm_open");
    expect(message?.content).toEqual({ comm_id: "fixed", target_name: "t.a", data: { n: 1 } });
    expect(message?.metadata).toEqual({ version: "2.1.0" });
    expect(message?.buffers.map((bytes) => [...bytes])).toEqual([[0, 255], [10]]);
  });

  test("answers a message with the data, metadata and bytes that came", async () => {
    const id = await opened(`const echo = openComm("t.echo");
      echo.onMessage(({ data, metadata, buffers }) => echo.send({ data, sizes: buffers.map((b) => b.length) }, { metadata, buffers }));`);
    const extras = { metadata: { m: 1 }, buffers: [Buffer.from([1, 2, 3])] };
    const { published } = await say("comm_msg", { comm_id: id, data: { x: "ä" } }, extras);
    const message = published.find(({ type }) => type === "comm_msg");
    expect(message?.content).toEqual({ comm_id: id, data: { data: { x: "ä" }, sizes: [3] } });
    expect(message?.metadata).toEqual({ m: 1 });
    expect(message?.buffers.map((bytes) => [...bytes])).toEqual([[1, 2, 3]]);
  });

  test("is closed by the cell once, and cannot send any more", async () => {
    const { of } = await client.execute(`const short = openComm("t.short");
      short.close({ why: "done" });
      short.close();
      let refused = "";
      try { short.send({}); } catch (error) { refused = (error as Error).message; }
      [short.isOpen, refused]`);
    expect(of("comm_close")).toMatchObject([{ data: { why: "done" } }]);
    expect(of("execute_result")[0]?.data["text/plain"]).toContain("comm 't.short' is closed");
  });

  test("hears that the front end closes it, and nothing more", async () => {
    const id = await opened(`const heard: string[] = [];
      const closing = openComm("t.closing");
      closing.onMessage(() => heard.push("message"));
      closing.onClose(({ data }) => heard.push("close " + data.why));`);
    await say("comm_close", { comm_id: id, data: { why: "gone" } });
    await say("comm_msg", { comm_id: id });
    const { of } = await client.execute("[...heard, closing.isOpen]");
    expect(of("execute_result")[0]?.data["text/plain"]).toBe("[ 'close gone', false ]");
    expect(await comms()).not.toHaveProperty(id);
  });

  test("refuses what JSON cannot hold in the cell that sends it", async () => {
    const { reply } = await client.execute(`openComm("t.json", { n: 1n });`);
    expect(reply).toMatchObject({ status: "error", ename: "TypeError" });
  });
});

describe("a comm that the front end opens", () => {
  test("is closed if nobody has registered its target", async () => {
    const { of } = await say("comm_open", { comm_id: "unknown", target_name: "nobody" });
    expect(of("comm_close")).toEqual([{ comm_id: "unknown", data: {} }]);
    expect(await comms()).not.toHaveProperty("unknown");
  });

  test("reaches its target with data, and can be answered", async () => {
    await client.execute(`registerCommTarget("t.front", (comm, { data }) => {
      comm.send({ hello: data.name });
      comm.onMessage((event) => comm.send({ twice: Number(event.data.n) * 2 }));
    });`);
    const open = await say("comm_open", { comm_id: "front", target_name: "t.front", data: { name: "you" } });
    expect(open.of("comm_msg")).toEqual([{ comm_id: "front", data: { hello: "you" } }]);
    expect(open.of("comm_close")).toEqual([]);
    const { of } = await say("comm_msg", { comm_id: "front", data: { n: 21 } });
    expect(of("comm_msg")).toEqual([{ comm_id: "front", data: { twice: 42 } }]);
  });

  test("is closed if the target's handler fails, and the error is shown", async () => {
    await client.execute(`registerCommTarget("t.bad", () => { throw new RangeError("no room"); });`);
    const { of } = await say("comm_open", { comm_id: "bad", target_name: "t.bad" });
    expect(of("comm_close")).toMatchObject([{ comm_id: "bad" }]);
    expect(of("error")).toMatchObject([{ ename: "RangeError", evalue: "no room" }]);
  });

  test("finds a target that the cell sent just before it registers", async () => {
    const cell = client.execute(`registerCommTarget("t.late", (comm) => comm.send({ found: true }));`);
    const open = say("comm_open", { comm_id: "late", target_name: "t.late" });
    expect((await cell).reply?.status).toBe("ok");
    expect((await open).of("comm_msg")).toMatchObject([{ data: { found: true } }]);
  });
});

test("comm_info lists the open comms, all or those of one target", async () => {
  const id = await opened(`openComm("t.listed");`);
  expect(await comms()).toMatchObject({ [id]: { target_name: "t.listed" }, fixed: { target_name: "t.a" } });
  expect(await comms({ target_name: "t.listed" })).toEqual({ [id]: { target_name: "t.listed" } });
});

test("comm_info is answered while a cell computes", async () => {
  const busy = client.execute("console.log('busy'); while (true) {}");
  await client.published("stream", "busy");
  expect(await comms({ target_name: "t.a" })).toEqual({ fixed: { target_name: "t.a" } });
  await client.request("control", "interrupt_request");
  await busy;
});

describe("a listener", () => {
  test("prints, displays and fails under the message that it runs for", async () => {
    const id = await opened(`import { display } from "ptlab/jupyter";
      const loud = openComm("t.loud");
      loud.onMessage(async () => {
        console.log("printed");
        await display("shown");
        await new Promise((done) => setTimeout(done, 1));
        throw new TypeError("then failed");
      });`);
    const { of, published } = await say("comm_msg", { comm_id: id });
    expect(of("stream")).toEqual([{ name: "stdout", text: "printed\n" }]);
    expect(of("display_data")).toMatchObject([{ data: { "text/plain": "'shown'" } }]);
    expect(of("error")).toMatchObject([{ ename: "TypeError", evalue: "then failed" }]);
    expect(of("error")[0]?.traceback.join("\n")).toMatch(/In\[\d+\]:7/);
    expect(published.map(({ type, content }) => content.execution_state ?? type)).toEqual([
      "busy",
      "stream",
      "display_data",
      "error",
      "idle",
    ]);
  });

  test("does not run in the middle of a cell's code, but while the cell awaits", async () => {
    const id = await opened(`const log: string[] = [];
      const clicks = openComm("t.clicks");
      const click = new Promise((done) => clicks.onMessage(() => { log.push("click"); done(0); }));`);
    const cell = client.execute(`console.log("busy");
      const until = Date.now() + 200;
      while (Date.now() < until) log.length;
      log.push("computed");
      await click;
      log`);
    await client.published("stream", "busy");
    await say("comm_msg", { comm_id: id });
    expect((await cell).of("execute_result")[0]?.data["text/plain"]).toBe("[ 'computed', 'click' ]");
  });

  test("comes before a cell that is sent after its message", async () => {
    const id = await opened(`let seen = 0; openComm("t.seen").onMessage(({ data }) => { seen = Number(data.n); });`);
    const message = say("comm_msg", { comm_id: id, data: { n: 5 } });
    const cell = client.execute("seen");
    await message;
    expect((await cell).of("execute_result")[0]?.data["text/plain"]).toBe("5");
  });

  test("comes after a cell that is sent before its message", async () => {
    const id = await opened(`let order = ""; openComm("t.order").onMessage(() => { order += "message"; });`);
    const cell = client.execute(`order += "cell ";`);
    const message = say("comm_msg", { comm_id: id });
    await Promise.all([cell, message]);
    expect((await client.execute("order")).of("execute_result")[0]?.data["text/plain"]).toBe("'cell message'");
  });

  test.each([
    ["computes", "while (true) {}"],
    ["awaits", "await new Promise(() => {});"],
  ])("that %s for ever is interrupted, and cells go on", async (_, body) => {
    const id = await opened(`openComm("t.endless").onMessage(async () => { console.log("in"); ${body} });`);
    const message = say("comm_msg", { comm_id: id });
    await client.published("stream", "in");
    await client.request("control", "interrupt_request");
    expect((await message).of("error")).toMatchObject([{ ename: "Interrupted" }]);
    expect((await client.execute("1 + 1")).of("execute_result")[0]?.data["text/plain"]).toBe("2");
  });

  test("that computes for ever is interrupted together with the cell that awaits", async () => {
    const id = await opened(`openComm("t.both").onMessage(() => { console.log("both"); while (true) {} });`);
    const cell = client.execute(`console.log("awaiting"); await new Promise(() => {});`);
    await client.published("stream", "awaiting");
    const message = say("comm_msg", { comm_id: id });
    await client.published("stream", "both");
    await client.request("control", "interrupt_request");
    expect((await cell).reply).toMatchObject({ status: "error", ename: "Interrupted" });
    expect((await message).of("error")).toMatchObject([{ ename: "Interrupted" }]);
    expect((await client.execute("typeof openComm")).reply?.status).toBe("ok");
  });
});

test("all comms are closed when a cell ends the session's process", async () => {
  const own = await startClient();
  try {
    const id = randomUUID();
    await own.execute(`import { openComm } from "ptlab/jupyter"; openComm("t.end", {}, {}, "${id}");`);
    const { of } = await own.execute("process.exit(0)");
    expect(of("comm_close")).toEqual([{ comm_id: id, data: {} }]);
    expect((await own.request("shell", "comm_info_request")).reply?.comms).toEqual({});
  } finally {
    await own.close();
  }
});
