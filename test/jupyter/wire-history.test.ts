/**
 * `history_request` on the wire, and the history that a later kernel finds.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HISTORY_VARIABLE } from "../../src/jupyter/wire/history-file.ts";
import { type Client, startClient } from "./wire-client.ts";

let folder: string;
let env: Record<string, string>;
let client: Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ptlab-history-"));
  env = { [HISTORY_VARIABLE]: join(folder, "history.sqlite") };
  client = await startClient({ env });
  for (const code of ["const needle = 6;", "needle * 7", "console.log(1)"]) await client.execute(code);
});
afterAll(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

const ask = async (content: object, of = client) =>
  (await of.request("shell", "history_request", { raw: true, output: false, ...content })).reply?.history;

test("tail gives the last cells, oldest first", async () => {
  expect(await ask({ hist_access_type: "tail", n: 2 })).toEqual([
    [1, 2, "needle * 7"],
    [1, 3, "console.log(1)"],
  ]);
});

test("output is the result as text, or null where there is none", async () => {
  expect(await ask({ hist_access_type: "tail", n: 2, output: true })).toEqual([
    [1, 2, ["needle * 7", "42"]],
    [1, 3, ["console.log(1)", null]],
  ]);
});

test("range gives lines of a session, up to and without the last", async () => {
  const line = [[1, 2, "needle * 7"]];
  expect(await ask({ hist_access_type: "range", session: 0, start: 2, stop: 3 })).toEqual(line);
  expect(await ask({ hist_access_type: "range", session: 1, start: 2, stop: 3 })).toEqual(line);
  expect(await ask({ hist_access_type: "range", session: 0, start: 2, stop: 0 })).toHaveLength(2);
  expect(await ask({ hist_access_type: "range", session: -1, start: 1, stop: 9 })).toEqual([]);
});

test("search takes a glob, a number and unique", async () => {
  await client.execute("needle * 7");
  expect(await ask({ hist_access_type: "search", pattern: "*need?e*" })).toHaveLength(3);
  expect(await ask({ hist_access_type: "search", pattern: "*need?e*", n: 1 })).toEqual([[1, 4, "needle * 7"]]);
  expect(await ask({ hist_access_type: "search", pattern: "needle*", unique: true })).toEqual([[1, 4, "needle * 7"]]);
});

test("what is silent or not to be stored is not in the history", async () => {
  await client.execute("'unheard'", { silent: true });
  await client.execute("'unkept'", { store_history: false });
  expect(await ask({ hist_access_type: "search", pattern: "*'un*" })).toEqual([]);
});

test("two kernels at once keep their lines in one history, and a later one finds both", async () => {
  const other = await startClient({ env });
  await other.execute("'of the other'");
  await client.execute("'of the first'");
  expect(await ask({ hist_access_type: "search", pattern: "'of the*" }, other)).toEqual([
    [2, 1, "'of the other'"],
    [1, 5, "'of the first'"],
  ]);
  await other.close();
  const later = await startClient({ env });
  expect(await ask({ hist_access_type: "range", session: -1, start: 1 }, later)).toEqual([[2, 1, "'of the other'"]]);
  await later.close();
});

test("with the history off a kernel keeps its own cells and no file", async () => {
  const off = await startClient({ env: { ...env, [HISTORY_VARIABLE]: "off" } });
  await off.execute("'own'");
  expect(await ask({ hist_access_type: "tail", n: 9 }, off)).toEqual([[1, 1, "'own'"]]);
  await off.close();
  expect(await readdir(folder)).toEqual(["history.sqlite"]);
});
