/**
 * A session's end is the end of all that belongs to it, and waits for nothing else.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";
import { runCell } from "./cells.ts";

/** Starts a program and prints its process id. */
const start = (options: string) =>
  `import { spawn } from "node:child_process";\nconsole.log(spawn("sleep", ["600"], ${options}).pid);`;

/** Whether a process is there and no corpse that nobody has buried yet. */
const isAlive = (pid: number): boolean => !/^State:\s+Z/m.test(statusOf(pid));

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "State: Z";
  }
}

test.each([
  ["has its streams", '{ stdio: "inherit" }'],
  ["has streams of its own", '{ stdio: "ignore" }'],
])("a process that ends in a cell takes a program along that %s, and the cell answers", async (_, options) => {
  const session = startSession(PROJECT_ROOT);
  const ran = await runCell(session, `${start(options)}\nprocess.exit(3);`);
  expect(ran).toMatchObject({ status: "error", ename: "SessionEnded" });
  await expect.poll(() => isAlive(Number(ran.stdout)), { timeout: 20_000 }).toBe(false);
  await session.close();
});

test("a detached program outlives its session, whose end does not wait for it", async () => {
  const session = startSession(PROJECT_ROOT);
  const pid = Number((await runCell(session, start('{ stdio: "inherit", detached: true }'))).stdout);
  await session.close();
  expect(isAlive(pid)).toBe(true);
  process.kill(pid, "SIGKILL");
});
