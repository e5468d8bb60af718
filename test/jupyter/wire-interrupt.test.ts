/**
 * Interrupting, shutting down and starting anew, by message and by signal.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answered, type Client, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
  await client.execute("let kept = 5;");
});
afterAll(() => client.close());

const value = ({ of }: Answered) => of("execute_result")[0]?.data["text/plain"];

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const programsOf = (pid: number): string[] =>
  spawnSync("ps", ["--ppid", `${pid}`, "-o", "args="], { encoding: "utf8" })
    .stdout.split("\n")
    .filter(Boolean);

const byMessage = () => client.request("control", "interrupt_request");
const bySignal = () => client.process.kill("SIGINT");

/** Runs a cell and interrupts it once it has printed something. */
async function interrupted(code: string, interrupt: () => unknown, content: object = {}): Promise<Answered> {
  const started = client.published("stream", "go");
  const running = client.execute(`console.log('go'); ${code}`, content);
  await started;
  await interrupt();
  return running;
}

describe.each([
  ["by message", byMessage],
  ["by signal", bySignal],
])("an interrupt %s", (_, interrupt) => {
  test.each([
    ["computes", "while (true) {}"],
    ["computes after an await", "await null; while (true) {}"],
    ["waits for ever", "await new Promise(() => {});"],
    ["sleeps in a loop", "for (;;) await new Promise((done) => setTimeout(done, 5));"],
  ])("ends a cell that %s, with an error, and variables stay", async (_, code) => {
    const { reply, of } = await interrupted(code, interrupt);
    expect(reply).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was interrupted" });
    expect(of("error")).toMatchObject([{ ename: "Interrupted" }]);
    expect(value(await client.execute("kept"))).toBe("5");
  });

  test.each([
    ["waits for a program and does nothing else", "spawnSync('sleep', ['600'], { stdio: 'inherit' });"],
    ["awaits a program", "await once(spawn('sleep', ['600']), 'exit');"],
  ])("ends a cell that %s, and the program", async (_, code) => {
    await client.execute("import { spawn, spawnSync } from 'node:child_process';\nimport { once } from 'node:events';");
    const session = Number(value(await client.execute("process.pid")));
    expect((await interrupted(code, interrupt)).reply?.ename).toBe("Interrupted");
    await expect.poll(() => programsOf(session), { timeout: 10_000 }).toEqual([]);
  });

  test("leaves nothing of the cell going on in the background", async () => {
    await client.execute("let ticks = 0;");
    await interrupted("for (;;) { ticks++; await new Promise((done) => setTimeout(done, 1)); }", interrupt);
    const before = value(await client.execute("ticks"));
    await client.execute("await new Promise((done) => setTimeout(done, 50));");
    expect(value(await client.execute("ticks"))).toBe(before);
  });

  test("aborts the cells that wait", async () => {
    const started = client.published("stream", "go");
    const running = client.execute("console.log('go'); while (true) {}");
    const waiting = client.execute("'must not run'");
    await started;
    await interrupt();
    expect((await running).reply?.status).toBe("error");
    expect((await waiting).reply).toEqual({ status: "aborted" });
  });
});

test("the message is answered on control, and framed there while the cell is still busy on shell", async () => {
  const reply = client.seen((m) => m.type === "interrupt_reply");
  const running = await interrupted("while (true) {}", byMessage);
  expect((await reply).content).toEqual({ status: "ok" });
  expect(running.reply?.ename).toBe("Interrupted");
});

test("with stop_on_error off the cells that wait run after the interrupt", async () => {
  const started = client.published("stream", "go");
  const running = client.execute("console.log('go'); while (true) {}", { stop_on_error: false });
  const waiting = client.execute("'ran'");
  await started;
  await byMessage();
  expect((await running).reply?.status).toBe("error");
  expect(value(await waiting)).toBe("'ran'");
});

test("an interrupt while nothing runs touches neither the kernel nor the next cell", async () => {
  expect((await byMessage()).reply).toEqual({ status: "ok" });
  bySignal();
  // What came together with a signal is heard before it, and what came after an answer is not together with what was before.
  for (let i = 0; i < 2; i++) await client.request("shell", "kernel_info_request");
  expect(value(await client.execute("kept + 1"))).toBe("6");
});

test("two interrupts at once end one cell, and the next one runs", async () => {
  const { reply } = await interrupted("while (true) {}", () => Promise.all([byMessage(), byMessage()]));
  expect(reply?.ename).toBe("Interrupted");
  expect(value(await client.execute("kept + 2"))).toBe("7");
});

test("a user expression that never ends is interrupted too", async () => {
  const running = client.execute("console.log('go')", {
    user_expressions: { endless: "(() => { while (true); })()" },
  });
  await client.seen((m) => m.type === "stream" && m.parentHeader.msg_id === client.sent().msg_id);
  // The expression starts some time after the cell's output; an interrupt before that would meet nothing.
  const poll = setInterval(byMessage, 100);
  const { reply } = await running;
  clearInterval(poll);
  expect(reply?.user_expressions.endless).toMatchObject({ status: "error", ename: "Interrupted" });
});

test("an interrupt that comes while the session starts ends the cell that waits for it", async () => {
  const own = await startClient();
  const early = own.execute("while (true) {}");
  await own.published("execute_input", "while");
  await own.request("control", "interrupt_request");
  expect((await early).reply).toMatchObject({ status: "error", ename: "Interrupted" });
  expect(value(await own.execute("1 + 1"))).toBe("2");
  await own.close();
});

describe("shutdown_request", () => {
  test.each([
    ["control", false],
    ["shell", true],
  ] as const)("on %s is answered with restart %s, told to all, and ends the process", async (channel, restart) => {
    const own = await startClient();
    const other = await own.join();
    await own.execute("1");
    const ended = once(own.process, "exit");
    const { reply, published } = await own.request(channel, "shutdown_request", { restart });
    expect(reply).toEqual({ status: "ok", restart });
    expect(published.map((m) => m.content.execution_state ?? m.type)).toEqual(["busy", "shutdown_reply", "idle"]);
    expect((await other.seen((m) => m.type === "shutdown_reply")).content).toEqual({ status: "ok", restart });
    expect(await ended).toEqual([0, null]);
    other.leave();
    await own.close();
  });

  test("ends the session's process before it is answered, also while that computes", async () => {
    const own = await startClient();
    const told = own.published("stream", "pid");
    const running = own.execute("console.log('pid', process.pid); while (true) {}");
    await told;
    const pid = Number((await own.seen((m) => m.type === "stream")).content.text.split(" ")[1]);
    await own.request("control", "shutdown_request", { restart: false });
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect((await running).reply).toMatchObject({ status: "error", ename: "SessionEnded" });
    await own.close();
  });

  test("ends the programs that cells have started", async () => {
    const own = await startClient();
    const code = "import { spawn } from 'node:child_process';\nspawn('sleep', ['600']).pid";
    const pid = Number(value(await own.execute(code)));
    process.kill(pid, 0);
    await own.request("control", "shutdown_request", { restart: true });
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    await own.close();
  });

  test("with restart makes room for a kernel at the same addresses, which starts anew", async () => {
    const own = await startClient();
    await own.execute("let before = 1;");
    const ended = once(own.process, "exit");
    await own.request("control", "shutdown_request", { restart: true });
    await ended;
    const again = await own.relaunch();
    const { reply } = await again.execute("before");
    expect(reply).toMatchObject({ status: "error", ename: "TypeCheckError", execution_count: 1 });
    again.process.kill();
    await once(again.process, "exit");
    again.leave();
    await own.close();
  });
});

test.each(["SIGTERM", "SIGHUP"] as const)("%s ends the kernel and its session", async (signal) => {
  const own = await startClient();
  const told = own.published("stream", "pid");
  const running = own.execute("console.log('pid', process.pid); while (true) {}").catch(() => undefined);
  await told;
  const pid = Number((await own.seen((m) => m.type === "stream")).content.text.split(" ")[1]);
  const ended = once(own.process, "exit");
  own.process.kill(signal);
  expect(await ended).toEqual([0, null]);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await running;
  await own.close();
});
