/**
 * A Jupyter of a test's own: the kernel is installed into a folder, no setting of this machine's user is read or written,
 * and every process that is started there can be found again. Debian's programs are used by their full path: a Python
 * that comes first on PATH may lack the packages.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { installCommand, processEffects } from "../../src/jupyter/install/kernelspec.ts";

/** The system's Python. */
export const PYTHON = "/usr/bin/python3";

/** How long processes may take to end once their front end has, and between two looks, in milliseconds. */
const PATIENCE = 15_000;
const POLL = 100;

/** What of these Debian packages is missing, in words, or "". Throws where nothing may be missing. */
export function missingPackages(modules: Record<string, string>): string {
  const missing = Object.entries(modules)
    .filter(([name]) => spawnSync(PYTHON, ["-c", `import ${name}`]).status !== 0)
    .map(([name, debian]) => `${PYTHON} cannot import ${name} (package ${debian})`)
    .join(", ");
  if (missing !== "" && process.env.PTLAB_REQUIRE_ALL) throw new Error(`${missing}, and PTLAB_REQUIRE_ALL is set`);
  return missing;
}

export interface JupyterPlace {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes a file; returns its path. */
  write(name: string, content: string): Promise<string>;
  /** Writes a notebook of code cells that knows no kernel yet; returns its path. */
  notebook(name: string, sources: readonly string[], metadata?: object): Promise<string>;
  start(program: string, args: readonly string[], stdin?: "ignore" | "pipe"): ChildProcess;
  /** Runs the system's Python to its end. */
  python(args: readonly string[]): Promise<{ status: number | null; out: string; err: string }>;
  /** Processes that were started here and still run: kernels, sessions, front ends. */
  processes(): Promise<string[]>;
  /** Takes everything away; fails if a process is left. */
  close(): Promise<void>;
}

export async function newJupyterPlace(): Promise<JupyterPlace> {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-jupyter-"));
  await installCommand(
    { prefix: folder },
    processEffects(() => {}),
  );
  const env = {
    ...process.env,
    JUPYTER_PATH: join(folder, "share", "jupyter"),
    JUPYTER_DATA_DIR: join(folder, "data"),
    JUPYTER_CONFIG_DIR: join(folder, "config"),
    JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
    IPYTHONDIR: join(folder, "ipython"),
  };
  const start: JupyterPlace["start"] = (program, args, stdin = "ignore") =>
    spawn(program, args, { env, cwd: folder, stdio: [stdin, "pipe", "pipe"] });
  const write: JupyterPlace["write"] = async (name, content) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const processes = () => processesWith(`JUPYTER_DATA_DIR=${env.JUPYTER_DATA_DIR}`);
  return {
    ...{ folder, env, start, processes, write },
    async notebook(name, sources, metadata = {}) {
      const cells = sources.map((source, i) => ({
        ...{ cell_type: "code", id: `cell-${i}`, source, metadata: {}, outputs: [], execution_count: null },
      }));
      return write(name, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }));
    },
    async python(args) {
      const child = start(PYTHON, args);
      const [out, err, [status]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "exit")]);
      return { status, out, err };
    },
    async close() {
      for (let waited = 0; waited < PATIENCE && (await processes()).length > 0; waited += POLL) await sleep(POLL);
      const left = await processes();
      for (const process of left) spawnSync("kill", ["-KILL", String(Number.parseInt(process, 10))]);
      await rm(folder, { recursive: true });
      if (left.length > 0) throw new Error(`processes were left: ${left.join("; ")}`);
    },
  };
}

/** Processes by a setting of their environment, which all their children inherit. */
async function processesWith(setting: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(setting)) return [];
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return [`${pid} ${command.replaceAll("\0", " ")}`];
  });
  return (await Promise.all(found)).flat();
}
