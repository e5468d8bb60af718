/**
 * How the kernel process starts and ends: bad connection files, and the death of the front end.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LAUNCHER } from "./wire-client.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ptlab-launch-"));
});
afterAll(() => rm(folder, { recursive: true }));

const CONNECTION = {
  ...{ shell_port: 1, control_port: 2, iopub_port: 3, stdin_port: 4, hb_port: 5 },
  ...{ ip: "127.0.0.1", transport: "tcp", key: "k", signature_scheme: "hmac-sha256" },
};

async function launchWith(content: string): Promise<{ status: number | null; stderr: string }> {
  const file = join(folder, "connection.json");
  await writeFile(file, content);
  const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, file], { encoding: "utf8" });
  return {
    status,
    stderr: stderr
      .split("\n")
      .filter((line) => line.startsWith("ptlab"))
      .join("\n"),
  };
}

test.each([
  ["an address that others can reach", { ip: "0.0.0.0" }, "can be reached from outside"],
  ["an unknown signature scheme", { signature_scheme: "hmac-md5" }, "unknown signature scheme 'hmac-md5'"],
  ["a missing port", { hb_port: undefined }, "hb_port is missing"],
])("%s ends the kernel with one line and status 2", async (_, change, message) => {
  const { status, stderr } = await launchWith(JSON.stringify({ ...CONNECTION, ...change }));
  expect(status).toBe(2);
  expect(stderr.split("\n")).toHaveLength(1);
  expect(stderr).toContain(message);
});

test("a truncated connection file ends the kernel with one line and status 2", async () => {
  const { status, stderr } = await launchWith('{"shell_port": 1');
  expect(status).toBe(2);
  expect(stderr).toContain("cannot be read as a Jupyter connection file");
});

test("kernel and session end when the front end is killed, even while a cell computes", async () => {
  const front = spawn(process.execPath, [new URL("./busy-front-end.ts", import.meta.url).pathname], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(front.stdout.setEncoding("utf8"), "data")) as [string];
  const kernel = Number(text);
  const family = [kernel, ...(await childrenOf(kernel))];
  expect(family.length).toBeGreaterThan(1);
  front.kill("SIGKILL");
  await expect.poll(() => family.filter(isAlive), { timeout: 20_000 }).toEqual([]);
});

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8")));
  return lists.join(" ").split(" ").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
