/**
 * `ptlab start`: from a fresh clone to pages in a browser. Runs the notebooks that are stale, builds the site if anything
 * it shows has changed, and serves it on this machine alone.
 */
import { spawn } from "node:child_process";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { compareNotebooks } from "../notebook/compare.ts";
import { digestPaths } from "../notebook/digest.ts";
import { replaceFile } from "../notebook/file.ts";
import { outputsOf } from "../notebook/format.ts";
import type { Compared } from "../notebook/report.ts";
import { printDifferences, writeReport } from "./differences.ts";
import type { RunEffects } from "./notebooks.ts";
import { runCommand } from "./run.ts";

/** Options of the command, as typed. */
export interface StartOptions {
  /** First port to try, 4321 unless given; the next free one is taken. */
  readonly port?: string;
  /** False builds and ends. */
  readonly serve?: boolean;
}

/** Everything that the built site depends on, relative to the project. */
const SITE_INPUTS = [
  ...["notebooks", "site", "src", "test/bench", "test/golden/oracle"],
  ...["CHANGELOG.md", "astro.config.mjs", "package.json", "package-lock.json"],
];

const DIGEST_FILE = join(".ptlab", "site.digest");
const DEFAULT_PORT = 4321;
const TELEMETRY_OFF = { ASTRO_TELEMETRY_DISABLED: "1" };

/** Returns the exit status: that of the notebooks' run if it is not 0, else 1 if the build fails, else 0. */
export async function startCommand(options: StartOptions, effects: RunEffects): Promise<number> {
  const port = parsePort(options.port);
  const ran = await runStale(effects);
  if (ran !== 0) return ran;
  const built = await buildSite(effects);
  if (built !== 0 || options.serve === false) return built;
  return serve(port, effects);
}

/** What moved is stored and shown: whoever changes the simulator wants to see what it does, and git keeps the old one. */
async function runStale(effects: RunEffects): Promise<number> {
  const moved: Compared[] = [];
  const ran = await runCommand({ files: [] }, effects, ({ name, nb }, now) => {
    // One that was never run has nothing that could have moved.
    if (outputsOf(nb).length === 0) return;
    const compared = { name, differences: compareNotebooks(nb, now) };
    if (compared.differences.length === 0) effects.out(`${name}: as it was stored\n`);
    else moved.push(compared);
    printDifferences(compared, effects);
  });
  if (moved.length > 0) await writeReport(moved, effects);
  return ran;
}

/** The notebooks have been run before, so what is digested here is what will be shown. */
async function buildSite(effects: RunEffects): Promise<number> {
  const { root } = effects;
  const digest = await siteDigest(root);
  if (await isBuilt(root, digest)) {
    effects.out("site: nothing has changed since it was built\n");
    return 0;
  }
  effects.err("site: building\n");
  const { status, output } = await astro(["build"], effects);
  if (effects.signal?.aborted) return 130;
  if (status !== 0) {
    effects.err(`${output}site: the build failed\n`);
    return 1;
  }
  await mkdir(join(root, ".ptlab"), { recursive: true });
  await replaceFile(join(root, DIGEST_FILE), `${digest}\n`);
  effects.out("site: built in dist/\n");
  return 0;
}

/** Where the site will be published is part of its links. */
async function siteDigest(root: string): Promise<string> {
  const files = await digestPaths(root, SITE_INPUTS);
  return [files, process.env.PTLAB_SITE, process.env.PTLAB_BASE].filter(Boolean).join(" ");
}

async function isBuilt(root: string, digest: string): Promise<boolean> {
  const stored = await readFile(join(root, DIGEST_FILE), "utf8").catch(() => "");
  const page = await stat(join(root, "dist", "index.html")).catch(() => undefined);
  return stored.trim() === digest && page !== undefined;
}

/** Astro as a process of its own: its build takes memory that is not needed afterwards, and its talk is for developers. */
function astro(args: readonly string[], effects: RunEffects): Promise<{ status: number; output: string }> {
  const { root, signal } = effects;
  const program = join(root, "node_modules", "astro", "bin", "astro.mjs");
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    env: { ...process.env, ...TELEMETRY_OFF },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = () => child.kill("SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => {
      signal?.removeEventListener("abort", stop);
      done({ status: code ?? 1, output });
    });
  });
}

async function serve(port: number, effects: RunEffects): Promise<number> {
  Object.assign(process.env, TELEMETRY_OFF);
  // Loaded only here, because it takes half a second that no other command needs.
  const { preview } = await import("astro");
  const server = await preview({
    root: effects.root,
    logLevel: "error",
    server: { host: "127.0.0.1", port },
  });
  effects.out(`ptlab is at http://127.0.0.1:${server.port}/ (Ctrl-C ends it)\n`);
  await interrupted(effects.signal);
  await server.stop();
  return 0;
}

/** Serving has no end of its own. */
function interrupted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    if (signal?.aborted) done();
    else signal?.addEventListener("abort", () => done(), { once: true });
  });
}

function parsePort(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new UserError(`bad port '${text}': a number from 1 to 65535 is allowed`);
  return port;
}
