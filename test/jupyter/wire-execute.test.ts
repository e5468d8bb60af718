/**
 * `execute_request`: what is published and replied, what a front end may switch off, and what a failure stops.
 */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answered, type Client, type Seen, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
});
afterAll(() => client.close());

const value = ({ of }: Answered) => of("execute_result")[0]?.data["text/plain"];
const types = ({ published }: Answered) => published.map((m) => m.content.execution_state ?? m.type);

describe("a cell", () => {
  test("is published with its number, and counts", async () => {
    const first = await client.execute("1");
    const second = await client.execute("const two = 2;");
    expect(second.of("execute_input")).toEqual([
      { code: "const two = 2;", execution_count: first.reply?.execution_count + 1 },
    ]);
    expect(second.reply).toEqual({
      status: "ok",
      execution_count: first.reply?.execution_count + 1,
      user_expressions: {},
      payload: [],
    });
  });

  test("gives the value of its last expression as execute_result, with its number and all its types", async () => {
    const data = { "text/plain": "four", "text/html": "<b>4</b>", "application/json": { four: [4] } };
    const code = `({ [Symbol.for("Jupyter.display")]: () => (${JSON.stringify(data)}) })`;
    const ran = await client.execute(code);
    expect(ran.of("execute_result")).toEqual([{ execution_count: ran.reply?.execution_count, data, metadata: {} }]);
  });

  test.each(["", "  \n", "// only a comment"])("without code is counted and gives nothing: %j", async (code) => {
    const before = (await client.execute("0")).reply?.execution_count;
    const ran = await client.execute(code);
    expect(ran.reply).toMatchObject({ status: "ok", execution_count: before + 1 });
    expect(types(ran)).toEqual(["busy", "execute_input", "idle"]);
  });

  test("that fails publishes and replies the same name, message and traceback, without the kernel's frames", async () => {
    const { reply, of } = await client.execute("\nfunction far(): never {\n  throw new RangeError('far');\n}\nfar();");
    const { status, execution_count, ...failure } = reply!;
    expect(status).toBe("error");
    expect(of("error")).toEqual([failure]);
    expect(failure).toMatchObject({ ename: "RangeError", evalue: "far" });
    const trace = failure.traceback.join("\n");
    expect(trace).toMatch(/at far \(In\[\d+\]:3:9\)\n\s+at In\[\d+\]:5:1$/);
    expect(trace).not.toMatch(/node:|src\/jupyter/);
  });

  test("with a syntax error fails and is not run", async () => {
    const { reply, of } = await client.execute("console.log('ran'); let = 3 3;");
    expect(reply?.status).toBe("error");
    expect(of("stream")).toEqual([]);
  });

  test("that ends its process gives an error, and the next one runs in a new session", async () => {
    expect((await client.execute("process.exit(4)")).reply).toMatchObject({ status: "error", ename: "SessionEnded" });
    expect(value(await client.execute("1 + 1"))).toBe("2");
    const { reply } = await client.execute("1", { user_expressions: { exit: "process.exit(5)" } });
    expect(reply?.user_expressions.exit).toMatchObject({ status: "error", ename: "SessionEnded" });
    expect(value(await client.execute("1 + 2"))).toBe("3");
    const sent = [client.execute("process.exit(6)", { stop_on_error: false }), client.execute("1 + 3")];
    expect(value((await Promise.all(sent))[1]!)).toBe("4");
  });

  test("after which its process ends does not cost the next one, which is told; editors are answered meanwhile", async () => {
    await client.execute("let lost = 1;");
    const pid = Number(value(await client.execute("process.pid")));
    process.kill(pid, "SIGKILL");
    const matches = async () =>
      (await client.request("shell", "complete_request", { code: "isNa", cursor_pos: 4 })).reply?.matches;
    await expect.poll(matches, { timeout: 20_000 }).toContain("isNaN");
    const next = await client.execute("1 + 5");
    expect(value(next)).toBe("6");
    expect(next.of("stream")).toEqual([
      { name: "stderr", text: "the session's process has ended since the last cell; its variables are gone\n" },
    ]);
    expect((await client.execute("1")).of("stream")).toEqual([]);
  });
});

test("a cell that waits begins when the one before has ended", async () => {
  const answers = await Promise.all([1, 2, 3].map((n) => client.execute(`await null; ${n}`)));
  const ids = answers.map(({ message }) => message?.parentHeader.msg_id);
  const statuses = client.all().filter((m) => m.type === "status" && ids.includes(m.parentHeader.msg_id));
  const expected = ids.flatMap((id) => [`busy ${id}`, `idle ${id}`]);
  expect(statuses.map((m) => `${m.content.execution_state} ${m.parentHeader.msg_id}`)).toEqual(expected);
});

test("a front end that asks for something while a cell awaits hears at last that the kernel is busy", async () => {
  const running = client.execute("console.log('awaits'); await new Promise((done) => setTimeout(done, 20000));");
  await client.published("stream", "awaits");
  const cell = client.sent().msg_id;
  const other = await client.request("shell", "complete_request", { code: "Mat", cursor_pos: 3 });
  const isBusy = (m: Seen) => m.parentHeader.msg_id === cell && m.content.execution_state === "busy";
  await client.seen((m) => isBusy(m) && client.all().indexOf(m) > client.all().indexOf(other.published.at(-1)!));
  await client.request("control", "interrupt_request");
  expect(types(await running).at(-1)).toBe("idle");
});

test("a reply says when its cell began, for front ends that show how long it took", async () => {
  const code = "const began = Date.now(); await new Promise((done) => setTimeout(done, 20)); began";
  const { message, of } = await client.execute(code);
  const [started, ended] = [message?.metadata.started, message?.header.date].map((date) => Date.parse(String(date)));
  const began = Number(of("execute_result")[0]?.data["text/plain"]);
  expect(started).toBeLessThanOrEqual(began);
  expect(ended).toBeGreaterThanOrEqual(began);
});

describe("what a cell prints", () => {
  test("is one message for each stretch of one stream", async () => {
    const code = "for (const n of [1, 2, 3]) console.log(n); console.error('e'); console.log(4)";
    const { of } = await client.execute(code);
    expect(of("stream").map(({ name, text }) => [name, text])).toEqual([
      ["stdout", "1\n2\n3\n"],
      ["stderr", "e\n"],
      ["stdout", "4\n"],
    ]);
  });

  test("keeps its place among displays, clears and the result", async () => {
    const code = `import { clearOutput, display, html } from "ptlab/jupyter";
      console.log("a"); await display(html("b")); console.error("c"); clearOutput(true); console.log("d"); "e"`;
    expect(types(await client.execute(code))).toEqual([
      "busy",
      "execute_input",
      "stream",
      "display_data",
      "stream",
      "clear_output",
      "stream",
      "execute_result",
      "idle",
    ]);
  });

  test("arrives while the cell still runs", async () => {
    const heard = client.published("stream", "early");
    const running = client.execute("console.log('early'); await new Promise((done) => setTimeout(done, 20000));");
    await heard;
    await client.request("control", "interrupt_request");
    await running;
  });

  test.skipIf(process.platform !== "linux")("for ever does not fill the memory, and can be interrupted", async () => {
    const pid = value(await client.execute("process.pid"));
    const memory = async () => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
    const [before, characters] = [await memory(), 2e7];
    const running = client.execute("while (true) console.log('x'.repeat(80));");
    const printed = () => client.all().reduce((sum, m) => sum + (m.content.text?.length ?? 0), 0);
    await client.seen(() => printed() > characters);
    expect((await memory()) - before).toBeLessThan(1e8);
    await client.request("control", "interrupt_request");
    expect((await running).reply?.ename).toBe("Interrupted");
  });

  test("after its end belongs to the cell that printed it", async () => {
    await client.execute("void setTimeout(() => console.log('afterwards'), 30);");
    const { msg_id } = client.sent();
    const late = await client.seen((m) => m.type === "stream" && m.content.text === "afterwards\n");
    expect(late.parentHeader.msg_id).toBe(msg_id);
  });
});

describe("a display", () => {
  test("is published with its id, and replaced under it, also by a later cell", async () => {
    const shown = await client.execute(
      'import { display, html } from "ptlab/jupyter";\nconst box = await display(html("<b>1</b>"), "the-box");',
    );
    const transient = { display_id: "the-box" };
    expect(shown.of("display_data")).toEqual([{ data: { "text/html": "<b>1</b>" }, metadata: {}, transient }]);
    const later = await client.execute('await box.update(html("<b>2</b>"));');
    expect(types(later)).toEqual(["busy", "execute_input", "update_display_data", "idle"]);
    expect(later.of("update_display_data")).toEqual([{ data: { "text/html": "<b>2</b>" }, metadata: {}, transient }]);
  });

  test("without an id of one's own gets one that no other display has", async () => {
    const { of } = await client.execute(
      'import { display } from "ptlab/jupyter";\nawait display(1); await display(2);',
    );
    const ids = of("display_data").map(({ transient }) => transient.display_id);
    expect(new Set(ids).size).toBe(2);
  });

  test.each([true, false])("clear_output says whether it waits: %s", async (wait) => {
    const { of } = await client.execute(`import { clearOutput } from "ptlab/jupyter";\nclearOutput(${wait});`);
    expect(of("clear_output")).toEqual([{ wait }]);
  });
});

describe("silent", () => {
  test("runs a cell that publishes nothing but its status, and is not counted", async () => {
    const before = (await client.execute("0")).reply?.execution_count;
    const ran = await client.execute("console.log('x'); let viaSilent = 7; viaSilent", { silent: true });
    expect(types(ran)).toEqual(["busy", "idle"]);
    const after = await client.execute("viaSilent");
    expect(after.reply?.execution_count).toBe(before + 1);
    expect(value(after)).toBe("7");
  });

  test("replies a failure and publishes none", async () => {
    const ran = await client.execute("throw new Error('quiet')", { silent: true });
    expect(ran.reply).toMatchObject({ status: "error", ename: "Error", evalue: "quiet" });
    expect(types(ran)).toEqual(["busy", "idle"]);
  });

  test("does not take the number of the next cell: tracebacks show the right lines", async () => {
    await client.execute("\n\n\nfunction fromSilent(): never { throw new Error('s'); }", { silent: true });
    const { reply } = await client.execute("fromSilent()");
    expect(reply?.traceback.join("\n")).toMatch(/at fromSilent \(In\[0\]:4:\d+\)\n\s+at In\[[1-9]\d*\]:1:1$/);
  });
});

test("store_history off leaves the count alone, and the cell is shown all the same", async () => {
  const before = (await client.execute("0")).reply?.execution_count;
  const ran = await client.execute("'not kept'", { store_history: false });
  expect(value(ran)).toBe("'not kept'");
  expect((await client.execute("0")).reply?.execution_count).toBe(before + 1);
});

describe("user expressions", () => {
  const ask = async (code: string, user_expressions: object, rest = {}) =>
    client.execute(code, { user_expressions, ...rest });

  test("are evaluated after the cell, each with its own success or failure", async () => {
    const { reply, of } = await ask("let width = 3;", { good: "width * 2", none: "void 0", bad: "nowhere" });
    expect(reply?.user_expressions).toMatchObject({
      good: { status: "ok", data: { "text/plain": "6" }, metadata: {} },
      none: { status: "ok", data: { "text/plain": "undefined" }, metadata: {} },
      bad: { status: "error", ename: "TypeCheckError", evalue: expect.stringContaining("nowhere") },
    });
    expect(reply?.status).toBe("ok");
    expect(of("error")).toEqual([]);
  });

  test("publish nothing and change neither count nor history", async () => {
    const ran = await ask("0", { loud: "console.log('loud'), 5" });
    expect(ran.reply?.user_expressions.loud.data["text/plain"]).toBe("5");
    expect(types(ran)).toEqual(["busy", "execute_input", "execute_result", "idle"]);
    expect((await client.execute("0")).reply?.execution_count).toBe(ran.reply?.execution_count + 1);
  });

  test("are not evaluated after a cell that failed", async () => {
    const { reply } = await ask("let evaluated = 0; throw new Error('first')", { later: "++evaluated" });
    expect(reply).not.toHaveProperty("user_expressions");
    expect(value(await client.execute("evaluated"))).toBe("0");
  });

  test("are evaluated without a cell, and after a silent one", async () => {
    expect((await ask("", { a: "1 + 1" })).reply?.user_expressions.a.data["text/plain"]).toBe("2");
    const { reply } = await ask("let hush = 1;", { a: "hush" }, { silent: true });
    expect(reply?.user_expressions.a.data["text/plain"]).toBe("1");
  });
});

describe("a cell that fails", () => {
  const FAILS = "console.log('failing'); await new Promise((done) => setTimeout(done, 50)); throw new Error('stop')";

  /** Sends a cell, and the others while it runs. */
  async function queued(first: object, others: readonly (readonly [string, object?])[]): Promise<Answered[]> {
    const started = client.published("execute_input", "failing");
    const failing = client.execute(FAILS, first);
    await started;
    const answers = others.map(([code, content]) => client.execute(code, content));
    return Promise.all([failing, ...answers]);
  }

  const statuses = (answers: readonly Answered[]) => answers.map(({ reply }) => reply?.status);

  test("aborts the cells that wait behind it, which reply nothing else, run nothing and count nothing", async () => {
    const [failed, ...rest] = await queued({}, [["console.log('must not run')"], ["1", { silent: true }], ["2"]]);
    expect(failed?.reply?.status).toBe("error");
    for (const { reply, ...answer } of rest) {
      expect(reply).toEqual({ status: "aborted" });
      expect(types({ reply, ...answer })).toEqual(["busy", "idle"]);
    }
    const next = await client.execute("'ran'");
    expect(value(next)).toBe("'ran'");
    expect(next.reply?.execution_count).toBe(failed?.reply?.execution_count + 1);
  });

  test("aborts all that was sent together with it", async () => {
    const sent = [client.execute("throw new Error('at once')")];
    for (let i = 0; i < 100; i++) sent.push(client.execute("1"));
    expect(statuses(await Promise.all(sent))).toEqual(["error", ...Array(100).fill("aborted")]);
  });

  test("aborts the cells of another front end too", async () => {
    const other = await client.join();
    const started = client.published("execute_input", "failing");
    const failing = client.execute(FAILS);
    await started;
    const waiting = other.execute("1");
    expect(statuses(await Promise.all([failing, waiting]))).toEqual(["error", "aborted"]);
    other.leave();
  });

  test("aborts no other requests than cells", async () => {
    const started = client.published("execute_input", "failing");
    const failing = client.execute(FAILS);
    await started;
    const info = client.request("shell", "kernel_info_request");
    const history = client.request("shell", "history_request", { hist_access_type: "tail", n: 1 });
    expect(statuses(await Promise.all([failing, info, history]))).toEqual(["error", "ok", "ok"]);
  });

  test("aborts nothing with stop_on_error off", async () => {
    expect(statuses(await queued({ stop_on_error: false }, [["1"], ["2"]]))).toEqual(["error", "ok", "ok"]);
  });

  test("aborts what waits also if that itself would not stop on errors", async () => {
    expect(statuses(await queued({}, [["1", { stop_on_error: false }], ["2"]]))).toEqual([
      "error",
      "aborted",
      "aborted",
    ]);
  });
});

test("a silent cell that fails aborts nothing", async () => {
  const answers = await Promise.all([
    client.execute("await new Promise((done) => setTimeout(done, 50)); throw new Error('quiet')", { silent: true }),
    client.execute("1"),
  ]);
  expect(answers.map(({ reply }) => reply?.status)).toEqual(["error", "ok"]);
});

test.each(["parseFloat?", "?parseFloat", " ? Math.sign ; "])("%j opens the pager with documentation", async (code) => {
  const { reply } = await client.execute(code);
  expect(reply).toMatchObject({ status: "ok", user_expressions: {} });
  expect(reply?.payload).toMatchObject([{ source: "page", start: 0 }]);
  expect(reply?.payload[0].data["text/plain"]).toMatch(/number/);
});

test("two question marks open the pager with the source too", async () => {
  await client.execute("function thrice(n: number) {\n  return 3 * n;\n}");
  for (const code of ["thrice??", "??thrice"]) {
    const [page] = (await client.execute(code)).reply?.payload ?? [];
    expect(page.data["text/plain"]).toContain("return 3 * n;");
  }
});

test("the pager says so if nothing is known of a name", async () => {
  const [page] = (await client.execute("nobodyKnows?")).reply?.payload ?? [];
  expect(page.data["text/plain"]).toBe("Nothing is known of nobodyKnows.");
});
