/**
 * A session can be interrupted whatever its cell does, and it never outlives its parent.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import { runCell } from "./cells.ts";

let session: ChildSession;

beforeAll(() => {
  session = startSession(PROJECT_ROOT);
});
afterAll(() => session.close());

const SLEEP = "const nap = (ms: number) => new Promise((done) => setTimeout(done, ms));";

const SERVER = `import { once } from "node:events";
import { createServer } from "node:http";
const server = createServer((_, reply) => void reply.end("page")).listen(0, "127.0.0.1");
await once(server, "listening");
const address = "http://127.0.0.1:" + (server.address() as { port: number }).port;`;

/** Runs a cell and interrupts it as soon as it has printed something. */
function interrupted(code: string) {
  const stop = new AbortController();
  return runCell(session, code, { signal: stop.signal, onEvent: () => stop.abort() });
}

test.each([
  ["computes", "console.log('go'); while (true) {}"],
  ["computes after an await", "console.log('go'); await null; while (true) {}"],
  ["awaits without ever letting go", "console.log('go'); for (;;) await null;"],
  ["waits for ever", "console.log('go'); await new Promise(() => {});"],
  ["computes in a timer", "console.log('go'); setTimeout(() => { while (true) {} }, 1); await new Promise(() => {});"],
])("a cell that %s is interrupted, and its variables stay", async (_, code) => {
  await runCell(session, "const kept = 11;");
  expect(await interrupted(code)).toMatchObject({ status: "aborted", ename: "Interrupted" });
  expect((await runCell(session, "kept")).value).toBe("11");
});

test("a name that an interrupted cell did not come to is none", async () => {
  await interrupted("console.log('go'); for (;;); const behind = 1;");
  expect((await runCell(session, "typeof behind")).value).toBe("'undefined'");
  expect((await runCell(session, "const behind = 2; behind")).value).toBe("2");
});

test("an interrupt that comes to the session before its cell ends that cell too", async () => {
  // While a timer blocks the session, the cell waits to be taken in.
  await runCell(session, "setTimeout(() => { for (const end = Date.now() + 600; Date.now() < end; ); }, 20);");
  await new Promise((done) => setTimeout(done, 60));
  const ran = runCell(session, "await new Promise(() => {});");
  setTimeout(() => session.interrupt(), 20);
  expect(await ran).toMatchObject({ status: "aborted", ename: "Interrupted" });
});

test.each([
  [
    "blocks the session",
    "import { execSync } from 'node:child_process';\nexecSync('echo $$; exec sleep 600', { stdio: 'inherit' });",
  ],
  [
    "lets it go on",
    `import { exec } from 'node:child_process';
import { promisify } from 'node:util';
const running = promisify(exec)('exec sleep 600');
console.log(running.child.pid);
await running;`,
  ],
])("an interrupt also ends a program that the cell waits for and that %s", async (_, code) => {
  const ran = await interrupted(code);
  expect(ran).toMatchObject({ status: "aborted", ename: "Interrupted", stdout: expect.stringMatching(/^\d+\n$/) });
  await expect.poll(() => isAlive(Number(ran.stdout))).toBe(false);
});

test.each([
  ["a promise around a timer", `${SLEEP} for (;;) { console.log('tick'); await nap(10); }`],
  [
    "node:timers/promises",
    "import { setTimeout as rest } from 'node:timers/promises';\nfor (;;) { console.log('tick'); await rest(10); }",
  ],
  ["setInterval", "setInterval(() => console.log('tick'), 10); await new Promise(() => {});"],
])("an interrupted loop over %s does not go on in the background", async (_, code) => {
  let ticks = 0;
  const stop = new AbortController();
  const onEvent = (event: { type: string; output?: { output_type: string } }) => {
    if (event.output?.output_type === "stream") ticks++;
    stop.abort();
  };
  await runCell(session, code, { signal: stop.signal, onEvent });
  const before = ticks;
  await runCell(session, `${SLEEP} await nap(80);`);
  expect(ticks).toBe(before);
});

describe("a loop that neither sleeps nor prints", () => {
  const counted = (step: string) => `console.log('go'); for (;;) { rounds++; ${step} }`;
  const rounds = async () => (await runCell(session, "rounds")).value;

  test.each([
    ["reads files", "await readFile('package.json');"],
    ["fetches pages", "await fetch(address).then((page) => page.text());"],
    ["calls a function of another cell that awaits", "await twice();"],
  ])("and %s does not go on after an interrupt", async (_, step) => {
    await runCell(session, "import { readFile } from 'node:fs/promises';\nlet rounds = 0;");
    await runCell(
      session,
      "async function twice() { await readFile('package.json'); await readFile('package.json'); }",
    );
    await runCell(session, SERVER);
    expect((await interrupted(counted(step))).ename).toBe("Interrupted");
    const before = await rounds();
    await runCell(session, `${SLEEP} await nap(80);`);
    expect(await rounds()).toBe(before);
    // What it had opened serves the cells that come.
    expect((await runCell(session, "await fetch(address).then((page) => page.text())")).value).toBe("'page'");
  });

  test("runs its finally blocks if it slept", async () => {
    await runCell(session, "import { setTimeout as rest } from 'node:timers/promises';\nlet cleaned = 0;");
    await interrupted("console.log('go'); try { await rest(60000); } finally { await null; cleaned = 1; }");
    expect((await runCell(session, "cleaned")).value).toBe("1");
  });
});

test("a cell that ends just when an interrupt would end it is followed by a sound one", async () => {
  // The guard steps in after 150 ms.
  for (let wait = 148; wait < 160; wait += 0.5) {
    const busy = `{ const end = performance.now() + ${wait}; while (performance.now() < end); }`;
    expect((await interrupted(`console.log('go'); ${busy}`)).status, `after ${wait} ms`).toMatch(/^(ok|aborted)$/);
    expect((await runCell(session, "1 + 2")).value, `after ${wait} ms`).toBe("3");
  }
});

test("a signal that is already aborted keeps the cell from running", async () => {
  const ran = await runCell(session, "console.log('ran')", { signal: AbortSignal.abort() });
  expect(ran).toMatchObject({ status: "aborted", stdout: "" });
});

test("an interrupt while nothing runs does not touch the next cell", async () => {
  session.interrupt();
  expect((await runCell(session, "1 + 1")).value).toBe("2");
});

test("a cell that ends the process is an error that says so", async () => {
  const own = startSession(PROJECT_ROOT);
  expect(await runCell(own, "process.exit(3)")).toMatchObject({
    status: "error",
    ename: "SessionEnded",
    evalue: "the session's process has ended with status 3; its variables are gone",
  });
  await own.ended;
});

test("two sessions at once share nothing", async () => {
  const other = startSession(PROJECT_ROOT);
  await runCell(session, "const mine = 1; (globalThis as any).ours = 1;");
  expect((await runCell(other, "mine")).ename).toBe("TypeCheckError");
  expect((await runCell(other, "typeof (globalThis as any).ours")).value).toBe("'undefined'");
  await other.close();
});

test("a busy session ends when its parent is killed", async () => {
  const parent = fork(fileURLToPath(new URL("./busy-parent.ts", import.meta.url)), { execArgv: [] });
  const [pid] = (await once(parent, "message")) as [number];
  parent.kill("SIGKILL");
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
