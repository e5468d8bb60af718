/**
 * The kernel process as a Jupyter front end meets it: the real program, over ZeroMQ.
 */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCodec } from "../../src/jupyter/wire/message.ts";
import { type Client, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
});
afterAll(() => client.close());

describe("the kernel", () => {
  test("says what it is, with a status", async () => {
    const { reply } = await client.request("shell", "kernel_info_request");
    expect(reply).toMatchObject({
      status: "ok",
      protocol_version: "5.4",
      implementation: "ptlab",
      language_info: { name: "typescript", file_extension: ".ts", mimetype: "text/typescript" },
    });
  });

  test("frames every request by busy and idle", async () => {
    const { published } = await client.execute("1");
    expect(published.map(({ type, content }) => content.execution_state ?? type)).toEqual([
      "busy",
      "execute_input",
      "execute_result",
      "idle",
    ]);
  });

  test("answers the heartbeat while a cell computes", async () => {
    const busy = client.execute("console.log('busy'); while (true) {}");
    await client.published("stream", "busy");
    expect(await client.heartbeat("ping")).toBe("ping");
    expect((await client.request("shell", "kernel_info_request")).reply?.status).toBe("ok");
    await client.request("control", "interrupt_request");
    expect((await busy).reply).toMatchObject({ status: "error", ename: "Interrupted" });
  });

  test("drops a message whose signature is wrong, and goes on", async () => {
    const forged = createCodec("another key", "hmac-sha256");
    const content = { code: "(globalThis as any).forged = 1" };
    await client.raw(forged.encode({ identities: [], type: "execute_request", content }));
    await client.raw(["<IDS|MSG>", "", "{}"]);
    await client.raw(["nonsense"]);
    expect((await client.execute("typeof (globalThis as any).forged")).of("execute_result")).toMatchObject([
      { data: { "text/plain": "'undefined'" } },
    ]);
  });

  test("answers an unknown request with an error", async () => {
    expect((await client.request("shell", "no_such_request")).reply).toMatchObject({ status: "error" });
  });
});

describe("executing", () => {
  test("publishes input, streams, displays, updates, clears and the result, and counts", async () => {
    const code = `import { clearOutput, display, html } from "ptlab/jupyter";
      console.log("text");
      const shown = await display(html("<b>1</b>"));
      await shown.update(html("<b>2</b>"));
      clearOutput(true);
      ({ answer: 42 })`;
    const { reply, of } = await client.execute(code);
    expect(reply).toMatchObject({ status: "ok", user_expressions: {}, payload: [] });
    expect(of("execute_input")).toEqual([{ code, execution_count: reply?.execution_count }]);
    expect(of("stream")).toEqual([{ name: "stdout", text: "text\n" }]);
    const id = of("display_data")[0]?.transient.display_id;
    expect(of("display_data")).toMatchObject([{ data: { "text/html": "<b>1</b>" }, transient: { display_id: id } }]);
    expect(of("update_display_data")).toMatchObject([
      { data: { "text/html": "<b>2</b>" }, transient: { display_id: id } },
    ]);
    expect(of("clear_output")).toEqual([{ wait: true }]);
    expect(of("execute_result")).toMatchObject([{ execution_count: reply?.execution_count }]);
  });

  test("a loop of prints is one message for each stretch of one stream", async () => {
    const { of } = await client.execute(
      "for (const n of [1, 2, 3]) console.log(n); console.error('e'); console.log(4)",
    );
    expect(of("stream").map(({ name, text }) => [name, text])).toEqual([
      ["stdout", "1\n2\n3\n"],
      ["stderr", "e\n"],
      ["stdout", "4\n"],
    ]);
  });

  test("an error is published and replied with its name, message and traceback", async () => {
    const { reply, of } = await client.execute("\nthrow new RangeError('far')");
    expect(reply).toMatchObject({ status: "error", ename: "RangeError", evalue: "far" });
    expect(of("error")).toMatchObject([{ ename: "RangeError", evalue: "far", traceback: reply?.traceback }]);
    expect(reply?.traceback.join("\n")).toMatch(/In\[\d+\]:2:7/);
  });

  test("a silent cell runs, publishes nothing and is not counted", async () => {
    const before = (await client.execute("0")).reply?.execution_count;
    const { published } = await client.execute("console.log('x'); let viaSilent = 7; viaSilent", { silent: true });
    expect(published.map(({ type }) => type)).toEqual(["status", "status"]);
    const after = await client.execute("viaSilent");
    expect(after.reply?.execution_count).toBe(before + 1);
    expect(after.of("execute_result")).toMatchObject([{ data: { "text/plain": "7" } }]);
  });

  test("store_history off leaves count and history alone", async () => {
    const before = (await client.execute("0")).reply?.execution_count;
    await client.execute("'not kept'", { store_history: false });
    expect((await client.execute("0")).reply?.execution_count).toBe(before + 1);
    const { reply } = await client.request("shell", "history_request", {
      hist_access_type: "search",
      pattern: "*not kept*",
    });
    expect(reply?.history).toEqual([]);
  });

  test("cells that wait behind a failing one are aborted, later ones run", async () => {
    const failing = client.execute("await new Promise((done) => setTimeout(done, 50)); throw new Error('stop')");
    const waiting = client.execute("console.log('must not run')");
    expect((await failing).reply?.status).toBe("error");
    expect((await waiting).reply?.status).toBe("aborted");
    expect((await waiting).of("stream")).toEqual([]);
    expect((await client.execute("1")).reply?.status).toBe("ok");
  });

  test("with stop_on_error off the cells behind a failing one run", async () => {
    const failing = client.execute("await null; throw new Error('go on')", { stop_on_error: false });
    const waiting = client.execute("'ran'");
    expect((await failing).reply?.status).toBe("error");
    expect((await waiting).reply?.status).toBe("ok");
  });

  test("user expressions are evaluated, each with its own success or failure", async () => {
    const { reply } = await client.execute("let width = 3;", {
      user_expressions: { good: "width * 2", bad: "nowhere" },
    });
    expect(reply?.user_expressions).toMatchObject({
      good: { status: "ok", data: { "text/plain": "6" } },
      bad: { status: "error", ename: "TypeCheckError" },
    });
  });

  test("a cell that ends its process gives an error, and the next one runs in a new session", async () => {
    expect((await client.execute("process.exit(4)")).reply).toMatchObject({ status: "error", ename: "SessionEnded" });
    expect((await client.execute("1 + 1")).of("execute_result")).toMatchObject([{ data: { "text/plain": "2" } }]);
  });
});

describe("editing", () => {
  test("positions count code points, also behind characters outside the basic plane", async () => {
    await client.execute("const rows = { first: 1, firstly: 2 };");
    const code = "'😀'; rows.fir";
    const { reply } = await client.request("shell", "complete_request", { code, cursor_pos: [...code].length });
    expect(reply).toMatchObject({ status: "ok", matches: ["first", "firstly"], cursor_start: 10, cursor_end: 13 });
  });

  test("inspection finds a known name and says so of an unknown one", async () => {
    const known = await client.request("shell", "inspect_request", { code: "rows", cursor_pos: 2, detail_level: 0 });
    expect(known.reply).toMatchObject({ status: "ok", found: true });
    expect(known.reply?.data["text/plain"]).toContain("const rows");
    const unknown = await client.request("shell", "inspect_request", { code: "nobody", cursor_pos: 2 });
    expect(unknown.reply).toEqual({ status: "ok", found: false, data: {}, metadata: {} });
  });

  test("completeness comes with an indent", async () => {
    const { reply } = await client.request("shell", "is_complete_request", { code: "if (true) {" });
    expect(reply).toEqual({ status: "incomplete", indent: "  " });
  });
});

test("shutdown is answered, and the process ends with status 0", async () => {
  const own = await startClient();
  const ended = once(own.process, "exit");
  void own.request("control", "shutdown_request", { restart: true }).catch(() => {});
  expect(await ended).toEqual([0, null]);
  await own.close();
});
