/**
 * The kernel in `jupyter console`, at a terminal. Needs Debian's jupyter-console; skipped without it unless
 * PTLAB_REQUIRE_ALL is set.
 */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type JupyterPlace, missingPackages, newJupyterPlace, PYTHON } from "./jupyter-place.ts";
import { startTerminal, type Terminal } from "./terminal.ts";

const missing = missingPackages({ jupyter_console: "jupyter-console" });

const CONSOLE = `${PYTHON} /usr/bin/jupyter-console --kernel ptlab`;

const [ENTER, TAB, CONTROL_C, CONTROL_D] = ["\r", "\t", "\x03", "\x04"];

describe.skipIf(missing !== "")(`in jupyter console${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  let terminal: Terminal;
  let count: number;

  beforeAll(async () => {
    place = await newJupyterPlace();
  });
  afterAll(() => place.close());

  function start(options: string): void {
    terminal = startTerminal(place, `${CONSOLE} ${options}`);
    count = 1;
  }

  const prompt = () => `In [${count}]: `;

  /** Types a cell and waits for the prompt after it; returns what was shown in between. */
  async function run(source: string): Promise<string> {
    terminal.press(source + ENTER);
    count++;
    return terminal.shows(prompt());
  }

  async function leave(): Promise<void> {
    terminal.press(CONTROL_D);
    await terminal.shows("exit");
    terminal.press(`y${ENTER}`);
    expect(await terminal.ended).toBe(0);
    await expect.poll(place.processes, { timeout: 15_000 }).toEqual([]);
  }

  describe("with its editor", () => {
    let quiet = 0;
    /**
     * Has the session's process had nothing to do for a while, so that it has started? The console's library breaks when
     * an answer comes later than half a second after a key.
     */
    async function sessionSleeps(): Promise<boolean> {
      const session = (await place.processes()).find((line) => line.includes("src/jupyter/session/child-"));
      const stat = session === undefined ? "" : await readFile(`/proc/${Number.parseInt(session, 10)}/stat`, "utf8");
      quiet = / S /.test(stat) ? quiet + 1 : 0;
      return quiet >= 10;
    }

    test("the console says what runs", async () => {
      start("--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=30");
      expect(await terminal.shows(prompt())).toMatch(/ptlab [\d.]+: TypeScript [\d.]+ on Node [\d.]+/);
      await expect.poll(sessionSleeps, { timeout: 60_000, interval: 50 }).toBe(true);
    });

    test("a result has its number", async () => {
      expect(await run("1 + 1")).toContain("Out[1]: 2");
    });

    test("a function that is begun is gone on with until it is closed", async () => {
      terminal.press(`function twice(n: number) {${ENTER}`);
      await terminal.shows("...:");
      await run(`return 2 * n;${ENTER}}`);
      expect(await run("twice(21)")).toMatch(/Out\[\d+\]: 42/);
    });

    test("an error is shown with its line, and the next cell runs", async () => {
      expect(await run('throw new RangeError("far")')).toMatch(/RangeError: far[\s\S]*at In\[\d+\]:1:7/);
      expect(await run('twice("x")')).toMatch(/In\[\d+\]:1:7 - error TS2345/);
      expect(await run("twice(1)")).toMatch(/Out\[\d+\]: 2/);
    });

    test("Tab completes a name", async () => {
      terminal.press(`twi${TAB}`);
      await terminal.shows("ce");
      expect(await run("(4)")).toMatch(/Out\[\d+\]: 8/);
    });

    test("leaving ends the kernel and its session", leave);
  });

  // With its editor, Debian's console 6.4.4 loses Ctrl-C after the first prompt, whatever the kernel.
  describe("without its editor", () => {
    test("a cell asks for a line and for a secret, which is not shown", async () => {
      start("--simple-prompt");
      await terminal.shows(prompt());
      await run('import { input, password } from "ptlab/jupyter"');
      await answer('const name = await input("na" + "me? ")', "name? ", "Ada");
      expect(await answer('const secret = await password("sec" + "ret? ")', "secret? ", "1815")).not.toContain("1815");
      expect(await run("[name, secret]")).toContain("[ 'Ada', '1815' ]");
    });

    async function answer(source: string, question: string, words: string): Promise<string> {
      terminal.press(source + ENTER);
      count++;
      await terminal.shows(question);
      terminal.press(words + ENTER);
      return terminal.shows(prompt());
    }

    test.each([
      ["a busy loop", "while (true) {}"],
      ["an await", "await new Promise(() => {})"],
      ["a question", 'await input("more? ")'],
    ])("Ctrl-C interrupts %s, and variables are kept", async (_, source) => {
      terminal.press(`console.log("o" + "n"); ${source}${ENTER}`);
      await terminal.shows(/on\r?\n/);
      count++;
      terminal.press(CONTROL_C);
      expect(await terminal.shows(prompt())).toContain("Interrupted: the cell was interrupted");
      expect(await run("name.length")).toMatch(/Out\[\d+\]: 3/);
    });

    test("leaving ends the kernel and its session", leave);
  });
});
