/**
 * What happens after a cell has returned belongs to that cell: its prints, and its errors that no code was there to catch.
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import { plain, runCell } from "./cells.ts";

let session: ChildSession;

beforeAll(() => {
  session = startSession(`${PROJECT_ROOT}/notebooks`);
});
afterAll(() => session.close());

/** Runs a cell, then another one that waits; gives what the first put out until then. */
async function late(code: string): Promise<{ count: number; text: string; status: string; next: string | undefined }> {
  const texts: string[] = [];
  const { count, status } = await runCell(session, code, {
    onEvent: (event) => {
      if (event.type === "output" && event.output.output_type === "stream")
        texts.push(plain(String(event.output.text)));
    },
  });
  const next = await runCell(session, "await new Promise((done) => setTimeout(done, 80)); 'fine'");
  expect(next.stderr + next.stdout).toBe("");
  return { count, status, text: texts.join(""), next: next.value };
}

test.each([
  ["an error in a timer", "setTimeout(() => {\n  throw new TypeError('bad');\n}, 5);", "TypeError: bad", "2:9"],
  [
    "a rejection",
    "void (async () => {\n  await null;\n  throw new RangeError('bad');\n})();",
    "RangeError: bad",
    "3:9",
  ],
  [
    "an event that nobody listens to",
    "import { EventEmitter } from 'node:events';\nconst emitter = new EventEmitter();\nsetTimeout(() => emitter.emit('error', new Error('bad')), 5);",
    "Error: bad",
    "3:40",
  ],
  [
    "an error in an enum's cell",
    "enum Late {\n  A,\n}\nsetImmediate(() => {\n  throw new Error('bad');\n});",
    "Error: bad",
    "5:9",
  ],
])("%s is shown by its cell, at its place, and ends nothing", async (_, code, title, place) => {
  const { count, text, status, next } = await late(`${code}\nnull;`);
  expect({ status, next }).toEqual({ status: "ok", next: "'fine'" });
  expect(text).toContain(title);
  expect(text).toContain(`In[${count}]:${place}`);
  expect(text).not.toMatch(/src\/jupyter|node:/);
});

test("something else than an error that nobody catches is told too", async () => {
  expect((await late("void Promise.reject('only text');")).text).toContain("Thrown: only text");
});

test("prints of a worker thread and of programs reach the cell that started them", async () => {
  const code = `import { Worker } from 'node:worker_threads';
    import { exec } from 'node:child_process';
    const worker = new Worker("console.log('from a worker')", { eval: true });
    await new Promise((done) => worker.on('exit', done));
    await new Promise((done) => exec('echo from a program', (_, out) => { console.log(out.trim()); done(null); }));
    await new Promise((done) => setTimeout(done, 50));`;
  const ran = await runCell(session, code);
  expect(ran.stdout).toContain("from a worker\n");
  expect(ran.stdout).toContain("from a program\n");
});

test("a printed error shows the lines of its cell and none of the kernel", async () => {
  const ran = await runCell(
    session,
    "enum Shift {\n  A,\n}\nconst error = new Error('told');\nconsole.log(error); console.trace('here');",
  );
  expect(ran.stdout).toMatch(/^Error: told\n +at In\[\d+\]:4:15\n$/);
  expect(ran.stderr).toMatch(/^Trace: here\n +at In\[\d+\]:5:29\n$/);
});

test("what a front end has run on its own account is forgotten in the end, and what a person has is not", async () => {
  const ticks = { aside: 0, cell: 0 };
  const ticking = "void setInterval(() => console.log('tick'), 5);";
  await session.execute(ticking, { count: 0, onOutput: () => ticks.aside++ });
  await session.execute(ticking, { onOutput: () => ticks.cell++ });
  for (let i = 0; i < 101; i++) await session.execute("null;", { count: 0, onOutput: () => {} });
  const before = { ...ticks };
  await runCell(session, "await new Promise((done) => setTimeout(done, 80));");
  expect(before.aside).toBeGreaterThan(0);
  expect(ticks.aside).toBe(before.aside);
  expect(ticks.cell).toBeGreaterThan(before.cell);
});

test("a session that runs out of memory says so", async () => {
  vi.stubEnv("NODE_OPTIONS", "--max-old-space-size=250");
  const own = startSession(PROJECT_ROOT);
  vi.unstubAllEnvs();
  const ran = await runCell(own, "const all: number[][] = []; for (;;) all.push(new Array(1_000_000).fill(1.5));");
  expect(ran).toMatchObject({ status: "error", ename: "SessionEnded" });
  expect(ran.evalue).toContain("out of memory");
  await own.ended;
});
