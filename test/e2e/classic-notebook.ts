/**
 * The classic Notebook in headless Chromium: its server on a free port of this machine alone, and a page that does what a
 * person does, with keys, buttons and menus. Set PTLAB_SCREENSHOTS to a folder to see what it saw.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Locator, Page } from "playwright-core";
import { freePorts } from "../../src/jupyter/install/free-ports.ts";
import { CHROMIUM, launchChromium } from "./chromium.ts";
import { type JupyterPlace, missingPackages, PYTHON } from "./jupyter-place.ts";

const PROGRAM = "/usr/bin/jupyter-notebook";

/** Longest time that a kernel may take to start or a cell to run on a busy machine, in milliseconds. */
const PATIENCE = 60_000;

/** What of the Notebook, of its browser and of further files, by their paths, is missing, in words, or "". Throws where nothing may be missing. */
export function missingForNotebook(files: Readonly<Record<string, string>> = {}): string {
  const packages = missingPackages({ notebook: "jupyter-notebook" });
  const absent = Object.entries({ [CHROMIUM]: `no browser at ${CHROMIUM}`, ...files })
    .filter(([path]) => !existsSync(path))
    .map(([, words]) => words);
  if (absent.length > 0 && process.env.PTLAB_REQUIRE_ALL)
    throw new Error(`${absent.join(", ")}, and PTLAB_REQUIRE_ALL is set`);
  return [packages, ...absent].filter((words) => words !== "").join(", ");
}

export interface NotebookServer {
  /** Opens a notebook and waits until its kernel answers. */
  open(file: string): Promise<ClassicPage>;
  stop(): Promise<void>;
}

export interface ClassicPage {
  readonly page: Page;
  /** The code cell of that number, from 0. */
  cell(index: number): Locator;
  output(index: number): Locator;
  /** Puts a text into a cell, as typed at once. */
  write(index: number, source: string): Promise<void>;
  source(index: number): Promise<string>;
  /** Runs one cell by its keys, without waiting. */
  start(index: number): Promise<void>;
  /** Clicks into a cell. */
  select(index: number): Promise<void>;
  /** Runs one cell and waits until it has ended. */
  run(index: number): Promise<void>;
  runAll(): Promise<void>;
  /** Waits until nothing runs and nothing waits to run. */
  idle(): Promise<void>;
  /** Restarts the kernel by the button of that name or the item of that id, and waits until it answers. */
  restart(selector: string): Promise<void>;
  save(): Promise<void>;
  /** Keeps a picture of the window, where somebody wants to see it. */
  look(name: string): Promise<void>;
}

export async function startServer(place: JupyterPlace): Promise<NotebookServer> {
  const { port } = await freePorts(["port"]);
  const args = ["--no-browser", "--allow-root", "--ip=127.0.0.1", `--port=${port}`, `--notebook-dir=${place.folder}`];
  const child = place.start(PYTHON, [PROGRAM, ...args]);
  const log: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => log.push(text));
  const { url, token } = await serverInfo(place, child, log);
  const browser = await launchChromium();
  return {
    open: (file) => openNotebook(browser, `${url}notebooks/${basename(file)}?token=${token}`),
    async stop() {
      await browser.close();
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

/** What the server writes about itself when it listens. */
async function serverInfo(
  place: JupyterPlace,
  child: ChildProcess,
  log: readonly string[],
): Promise<{ url: string; token: string }> {
  const runtime = join(place.folder, "runtime");
  for (const end = Date.now() + PATIENCE; Date.now() < end && child.exitCode === null; await sleep(100)) {
    const name = (await readdir(runtime).catch(() => [])).find((file) => /^nbserver-\d+\.json$/.test(file));
    const text = name === undefined ? "" : await readFile(join(runtime, name), "utf8");
    // The file is written in place.
    if (text.endsWith("}")) return JSON.parse(text);
  }
  throw new Error(`the server does not start: ${log.join("")}`);
}

async function openNotebook(browser: Browser, address: string): Promise<ClassicPage> {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 1000 } })).newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(address);
  await page.waitForFunction("window.Jupyter?.notebook?.kernel?.info_reply?.status === 'ok'");
  const model = (index: number) => `Jupyter.notebook.get_cells().filter((cell) => cell.cell_type === "code")[${index}]`;
  const cell: ClassicPage["cell"] = (index) => page.locator("#notebook-container .code_cell").nth(index);
  const select = async (index: number) => {
    await cell(index).locator(".CodeMirror-lines").click();
  };
  const start: ClassicPage["start"] = async (index) => {
    await select(index);
    await page.keyboard.press("Control+Enter");
  };
  const idle: ClassicPage["idle"] = async () => {
    await page.waitForFunction("!Jupyter.notebook.kernel_busy && !/In.\\[\\*\\]/.test(document.body.innerText)");
  };
  return {
    ...{ page, cell, start, idle, select },
    output: (index) => cell(index).locator(".output"),
    async write(index, source) {
      await page.evaluate(`${model(index)}.set_text(${JSON.stringify(source)})`);
    },
    source: (index) => page.evaluate(`${model(index)}.get_text()`),
    async run(index) {
      await start(index);
      await idle();
    },
    async runAll() {
      await page.click("#celllink");
      await page.click("#run_all_cells");
      await idle();
    },
    restart: (selector) => restart(page, selector),
    async save() {
      await page.keyboard.press("Control+s");
      await page.waitForFunction("!Jupyter.notebook.dirty");
    },
    async look(name) {
      const folder = process.env.PTLAB_SCREENSHOTS;
      if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
    },
  };
}

async function restart(page: Page, selector: string): Promise<void> {
  await page.evaluate("Jupyter.notebook.events.one('kernel_ready.Kernel', () => { window.hasRestarted = true; })");
  await page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  await page.click(".modal-dialog .btn-danger");
  await page.waitForSelector(".modal-dialog", { state: "detached" });
  await page.waitForFunction("window.hasRestarted");
}
