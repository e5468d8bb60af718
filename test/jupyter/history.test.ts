/**
 * The history in its file: what is found again, by which kernel, and what becomes of a file that cannot be used.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ALL, type Entry, type History } from "../../src/jupyter/wire/history.ts";
import { historyFile, openHistory } from "../../src/jupyter/wire/history-file.ts";

let folder: string;
let file: string;
let warnings: string[];
const opened: History[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ptlab-history-"));
  file = join(folder, "deep", "history.sqlite");
  warnings = [];
});
afterEach(async () => {
  for (const history of opened.splice(0)) history.close();
  await rm(folder, { recursive: true });
});

/** A history that has run these cells, as a kernel of its own. */
function kernel(...cells: string[]): History {
  const history = openHistory(file, (line) => warnings.push(line));
  opened.push(history);
  for (const [i, code] of cells.entries()) history.add(i + 1, code);
  return history;
}

const codes = (entries: readonly Entry[]) => entries.map(({ code }) => code);
const places = (entries: readonly Entry[]) => entries.map(({ session, line }) => [session, line]);

test("a later kernel finds the cells of earlier ones, with their sessions and lines", () => {
  kernel("a", "b").close();
  const later = kernel("c");
  expect(codes(later.tail(ALL))).toEqual(["a", "b", "c"]);
  expect(places(later.tail(2))).toEqual([
    [1, 2],
    [2, 1],
  ]);
});

test("a kernel that runs nothing makes no session", () => {
  kernel().close();
  kernel("a").close();
  kernel().close();
  expect(places(kernel("b").tail(ALL))).toEqual([
    [1, 1],
    [2, 1],
  ]);
});

describe("a range", () => {
  test.each([
    ["the present session", { session: 0, start: 0 }, ["d", "e", "f"]],
    ["the present session by its number", { session: 3, start: 1 }, ["d", "e", "f"]],
    ["the session before", { session: -1, start: 0 }, ["c"]],
    ["the one before that", { session: -2, start: 0 }, ["a", "b"]],
    ["a session that never was", { session: -9, start: 0 }, []],
    ["lines up to and without the last", { session: 0, start: 2, stop: 3 }, ["e"]],
    ["lines from the end", { session: 0, start: -2 }, ["e", "f"]],
  ])("gives %s", (_, range, expected) => {
    kernel("a", "b");
    kernel("c");
    expect(codes(kernel("d", "e", "f").range(range))).toEqual(expected);
  });

  test("of the session before is that of the last kernel as long as this one has run nothing", () => {
    kernel("a");
    const fresh = kernel();
    expect(codes(fresh.range({ session: -1, start: 0 }))).toEqual(["a"]);
    expect(fresh.range({ session: 0, start: 0 })).toEqual([]);
  });
});

describe("a search", () => {
  test("takes a glob for the whole cell, lines and all", () => {
    const history = kernel("let needle", "haystack", "let\nneedle = 1", "a needle; b");
    expect(codes(history.search("let*needle*", ALL, false))).toEqual(["let needle", "let\nneedle = 1"]);
    expect(codes(history.search("?aystack", ALL, false))).toEqual(["haystack"]);
    expect(codes(history.search("needle", ALL, false))).toEqual([]);
  });

  test("gives the last ones of many, oldest first, and with unique each only once and at its last place", () => {
    const history = kernel("x1", "x2", "x1", "y");
    expect(places(history.search("x*", 2, false))).toEqual([
      [1, 2],
      [1, 3],
    ]);
    expect(places(history.search("x*", ALL, true))).toEqual([
      [1, 2],
      [1, 3],
    ]);
    expect(codes(history.search("x*", 1, true))).toEqual(["x1"]);
  });
});

test("a result is found with its cell, and a cell without one has null", () => {
  const history = kernel("1 + 1", "let a;");
  history.addOutput(1, "2");
  history.close();
  expect(kernel().tail(ALL)).toMatchObject([{ output: "2" }, { output: null }]);
});

test("kernels that write at once lose no line", async () => {
  const source = new URL("../../src/jupyter/wire/history-file.ts", import.meta.url).href;
  const code = `
    const { workerData } = require("node:worker_threads");
    import(${JSON.stringify(source)}).then(({ openHistory }) => {
      const history = openHistory(workerData, (line) => { throw new Error(line); });
      for (let line = 1; line <= 50; line++) history.add(line, "cell " + line);
    });`;
  const ended = Array.from({ length: 4 }, () => {
    const worker = new Worker(code, { eval: true, workerData: file });
    return new Promise((resolve, reject) => worker.on("exit", resolve).on("error", reject));
  });
  await Promise.all(ended);
  const found = places(kernel().tail(ALL)).map(String);
  const expected = [1, 2, 3, 4].flatMap((session) => Array.from({ length: 50 }, (_, i) => `${session},${i + 1}`));
  expect(found.sort()).toEqual(expected.sort());
});

describe("a file that another process holds", () => {
  test("costs the cells of that time alone, each with a warning", () => {
    const history = kernel("before");
    const holder = new DatabaseSync(file);
    holder.exec("BEGIN EXCLUSIVE");
    history.add(2, "meanwhile");
    history.addOutput(2, "lost");
    expect(() => history.tail(ALL)).toThrow("locked");
    holder.exec("COMMIT");
    holder.close();
    history.add(3, "after");
    expect(places(history.tail(ALL))).toEqual([
      [1, 1],
      [1, 3],
    ]);
    expect(new Set(warnings)).toEqual(new Set([`history: ${file}: database is locked; this cell is not kept`]));
  });

  test("when it is first used is used later", () => {
    kernel("earlier").close();
    const holder = new DatabaseSync(file);
    holder.exec("BEGIN EXCLUSIVE");
    const history = kernel("lost");
    holder.close();
    history.add(2, "kept");
    expect(codes(kernel().tail(ALL))).toEqual(["earlier", "kept"]);
  });
});

describe("the file", () => {
  test("is nobody else's to read, in a folder that is made for it", async () => {
    kernel("secret");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "deep"))).mode & 0o777).toBe(0o700);
  });

  test("is not touched before the first cell or question", async () => {
    kernel();
    await expect(stat(file)).rejects.toThrow("ENOENT");
  });

  test("that is no history is kept aside, with one warning, and a new one is begun", async () => {
    await mkdir(join(folder, "deep"));
    await writeFile(file, "no database at all, but long enough for its header to be looked at\n".repeat(20));
    const history = kernel("a", "b");
    expect(codes(history.tail(ALL))).toEqual(["a", "b"]);
    expect(warnings).toEqual([`history: ${file}: file is not a database; kept as ${file}.broken`]);
    expect(await readFile(`${file}.broken`, "utf8")).toContain("no database at all");
    history.close();
    expect(codes(kernel().tail(ALL))).toEqual(["a", "b"]);
  });

  test("that is cut off is kept aside as soon as the damage shows", async () => {
    kernel(...Array.from({ length: 300 }, (_, i) => `cell ${i} ${"x".repeat(200)}`)).close();
    const whole = await readFile(file);
    await writeFile(file, whole.subarray(0, whole.length / 2));
    const history = kernel("after");
    history.tail(ALL);
    history.add(2, "and on");
    expect(codes(history.tail(1))).toEqual(["and on"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`kept as ${file}.broken`);
  });

  test("that two kernels find broken is kept aside once, and both go on in the new one", () => {
    const [first, second] = [kernel("a"), kernel("b")];
    writeFileSync(file, "x".repeat(5000));
    first.add(2, "a again");
    second.add(2, "b again");
    expect(codes(first.tail(ALL))).toEqual(["a again", "b again"]);
    expect(codes(second.tail(ALL))).toEqual(["a again", "b again"]);
    expect(readFileSync(`${file}.broken`, "utf8")).toContain("xxx");
  });

  test("that is broken once more is kept beside the first", () => {
    const history = kernel("a");
    for (const [i, letter] of ["x", "y"].entries()) {
      writeFileSync(file, letter.repeat(5000));
      history.add(i + 2, `after ${letter}`);
    }
    expect(readFileSync(`${file}.broken`, "utf8")).toContain("xxx");
    expect(readFileSync(`${file}.broken-2`, "utf8")).toContain("yyy");
    expect(codes(history.tail(ALL))).toEqual(["after y"]);
  });

  test("that is new after a broken one tells the kernels that write to it apart", () => {
    const [first, second] = [kernel("a"), kernel("b")];
    writeFileSync(file, "x".repeat(5000));
    second.add(2, "b again");
    first.add(2, "a again");
    expect(places(first.tail(ALL))).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(codes(first.range({ session: 0, start: 0 }))).toEqual(["a again"]);
    expect(codes(second.range({ session: 0, start: 0 }))).toEqual(["b again"]);
  });

  test("that cannot be written is done without, with one warning", async () => {
    await writeFile(join(folder, "deep"), "a file where a folder should be");
    const history = kernel("a", "b");
    expect(codes(history.tail(ALL))).toEqual(["a", "b"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("the cells of this kernel are not kept");
  });

  test("stays below its bound: the oldest cells go, and one that is far too long is not kept", () => {
    const long = "x".repeat(100_000);
    const history = kernel("first");
    for (let line = 2; line <= 402; line++) history.add(line, `${line} ${long}`);
    history.add(403, long + long);
    const kept = history.tail(ALL);
    expect(kept.length).toBeGreaterThan(100);
    expect(kept.reduce((sum, { code }) => sum + code.length, 0)).toBeLessThan(2 ** 24 + 200 * 2 ** 17);
    expect(kept[0]?.code).not.toBe("first");
    expect(kept.at(-1)?.line).toBe(402);
  });
});

describe("the place of the file", () => {
  const machine = { platform: "linux", home: "/home/ada", isRoot: true };
  test.each([
    ["in Jupyter's data folder of the user", {}, "/home/ada/.local/share/jupyter/ptlab/history.sqlite"],
    ["below JUPYTER_DATA_DIR", { JUPYTER_DATA_DIR: "/data" }, "/data/ptlab/history.sqlite"],
    ["where the environment says", { PTLAB_JUPYTER_HISTORY: "/own/file" }, "/own/file"],
    ["nowhere if it is off", { PTLAB_JUPYTER_HISTORY: "off" }, ":memory:"],
  ])("is %s", (_, env, expected) => {
    expect(historyFile({ ...machine, env })).toBe(expected);
  });
});
