/**
 * `npm run bench -- [GROUP...] [--kernel] [--json FILE] [--rounds N] [--quick] [--big]`
 *
 * Runs the cases of the named groups, or all but `kernel`, which holds the real kernel's operations beside the simulated ones and
 * is asked for by name or by `--kernel`. Cases come from the files of this folder named after a group; `kernel*.ts` is one group.
 * With `--big` growth goes to 256 GiB of mapped pages, which takes 3 GiB of memory and some minutes.
 * Exits with 1 if a goal was missed, 2 for a bad argument, 130 when interrupted.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { oneOf, UserError } from "../../src/base/errors.ts";
import { sourceDigest } from "../../src/notebook/digest.ts";
import { gccVersion } from "./c-program.ts";
import { type BenchCase, type CaseResult, type Context, runCase } from "./harness.ts";
import { caseText, headText, type Machine } from "./print.ts";

const GROUPS = ["translate", "sweep", "trace", "jupyter", "kernel"] as const;

interface Options {
  readonly groups: readonly string[];
  readonly json: string | undefined;
  readonly rounds: number;
  readonly quick: boolean;
  readonly big: boolean;
}

function options(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const named = positionals.map((name) => oneOf("group", name, GROUPS));
  const asked = values.kernel ? [...named, "kernel" as const] : named;
  const rounds = Number(values.rounds ?? (values.quick ? 5 : 11));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
    throw new UserError(`bad number of rounds '${values.rounds}': 1 to 1000 is allowed`);
  const groups = asked.length > 0 ? asked : GROUPS.filter((name) => name !== "kernel");
  return { groups, json: values.json, rounds, quick: values.quick ?? false, big: values.big ?? false };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        kernel: { type: "boolean" },
        json: { type: "string" },
        rounds: { type: "string" },
        quick: { type: "boolean" },
        big: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message.split(". ")[0]}: see the head of test/bench/main.ts`);
  }
}

/** Files of cases; a file beside them that exports none holds their helpers. */
async function allCases(groups: readonly string[]): Promise<BenchCase[]> {
  // By name without its end: the cases of a group stand before those of its kin, so that a machine of 64 GiB, whose frame numbers
  // are no longer small ones to V8, comes after the cases that stand beside the kernel.
  const stem = (name: string) => path.parse(name).name;
  const files = readdirSync(import.meta.dirname)
    .filter((name) =>
      groups.some((group) => (group === "kernel" ? /^kernel[\w-]*\.ts$/.test(name) : name === `${group}.ts`)),
    )
    .sort((a, b) => (stem(a) < stem(b) ? -1 : 1));
  const modules = await Promise.all(
    files.map((name) => import(`./${name}`) as Promise<{ cases?: readonly BenchCase[] }>),
  );
  return modules.flatMap(({ cases = [] }) => cases);
}

function machine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown processor",
    cores: cpus.length,
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    gcc: gccVersion(),
  };
}

async function bench(
  { groups, json, rounds, quick, big }: Options,
  signal: AbortSignal,
  temp: string,
): Promise<CaseResult[]> {
  const info = machine();
  const { default: pkg } = await import("../../package.json", { with: { type: "json" } });
  console.log(headText(info, pkg.version));
  const cases = await allCases(groups);
  const results: CaseResult[] = [];
  for (const [i, c] of cases.entries()) {
    const result = await oneCase(c, `${c.group} ${c.name} (${i + 1} of ${cases.length})`);
    results.push(result);
    console.log(caseText(result));
  }
  if (json !== undefined) {
    const source = await sourceDigest(path.resolve(import.meta.dirname, "../.."));
    const run = { machine: info, ptlab: pkg.version, source, quick, cases: results };
    writeFileSync(json, `${JSON.stringify(run, null, 1)}\n`);
  }
  return results;

  async function oneCase(c: BenchCase, title: string): Promise<CaseResult> {
    const stops: (() => void)[] = [];
    const context: Context = { temp, quick, big, onStop: (stop) => stops.push(stop) };
    const cpu = () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    };
    const progress = (done: number, of: number) => showProgress(`${title}: ${Math.floor((100 * done) / of)} %`);
    try {
      return await runCase(c, context, { rounds, signal, progress, cpu });
    } finally {
      showProgress("");
      for (const stop of stops) stop();
    }
  }
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

const abort = new AbortController();
process.once("SIGINT", () => abort.abort());
const temp = mkdtempSync(path.join(os.tmpdir(), "ptlab-bench-"));
try {
  const results = await bench(options(process.argv.slice(2)), abort.signal, temp);
  if (results.some(({ variants }) => variants.some(({ met }) => met === false))) process.exitCode = 1;
} catch (error) {
  if (abort.signal.aborted) process.exitCode = 130;
  else if (error instanceof UserError) {
    console.error(error.message);
    process.exitCode = 2;
  } else throw error;
} finally {
  rmSync(temp, { recursive: true, force: true });
}
