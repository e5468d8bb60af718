/**
 * `ptlab jupyter doctor`: looks at everything between a front end and a running kernel, from this checkout's packages to
 * the answer to `1 + 1`, and says for each finding what to do.
 */
import { join } from "node:path";
import { PROJECT_ROOT } from "../paths.ts";
import { checkFrontEnds, checkPython } from "./doctor-jupyter.ts";
import { checkKernel, type KernelTrial, tryKernel } from "./doctor-kernel.ts";
import { checkSpecs, nodeProblem } from "./doctor-spec.ts";
import { findJupyter, type ProbedMachine, reason } from "./find-jupyter.ts";
import { type InstallEffects, type KernelSpec, kernelSpec, processEffects } from "./kernelspec.ts";

/** What one check came to: fine, worth knowing, or in the way of a running kernel. */
export interface Finding {
  readonly status: "ok" | "note" | "wrong";
  /** What was looked at, in a word. */
  readonly about: string;
  readonly text: string;
  /** What to do. */
  readonly remedy?: string;
}

/** What the doctor uses of the world around it. */
export interface DoctorEffects extends ProbedMachine, Pick<InstallEffects, "print"> {
  /** This checkout's folder. */
  readonly root: string;
  /** The kernelspec that installing would write. */
  readonly wanted: KernelSpec;
  /** Starts a kernel, has it add and ends it. Resolves to what the kernel says of itself; throws an error that says what failed. */
  tryKernel(spec: KernelSpec, folder: string, trial: KernelTrial): Promise<string>;
}

/** The effects of the running process, but for where lines go. */
export const doctorEffects = (print: DoctorEffects["print"], signal?: AbortSignal): DoctorEffects => ({
  ...processEffects(print, signal),
  root: PROJECT_ROOT,
  wanted: kernelSpec(),
  tryKernel,
});

/** Prints a line a check. Returns the exit status: 0 if nothing is wrong, otherwise 1. */
export async function doctorCommand(effects: DoctorEffects): Promise<number> {
  let status = 0;
  for await (const finding of examine(effects)) {
    if (finding.status === "wrong") status = 1;
    const remedy = finding.remedy === undefined ? "" : `: ${finding.remedy}`;
    effects.print(`${finding.status.padEnd(5)}  ${finding.about}: ${finding.text}${remedy}`);
  }
  return status;
}

async function* examine(effects: DoctorEffects): AsyncGenerator<Finding> {
  yield await checkNode(effects);
  yield await checkPackages(effects);
  const zeromq = await checkZeromq(effects);
  yield zeromq;
  const jupyter = await findJupyter(effects);
  yield* checkPython(jupyter, effects);
  yield await checkFrontEnds(jupyter, effects);
  const { findings, spec, folder } = await checkSpecs(jupyter, effects);
  yield* findings;
  if (zeromq.status === "ok") yield await checkKernel(spec, folder, effects);
  else yield { status: "note", about: "kernel", text: "not started, because the doctor needs zeromq for that" };
}

/** The Node that installing would name. */
async function checkNode(effects: DoctorEffects): Promise<Finding> {
  const node = effects.wanted.argv[0]!;
  const problem = await nodeProblem(node, effects);
  if (problem !== undefined) return { status: "wrong", about: "node", text: problem, remedy: "npm ci installs one" };
  const { out } = await effects.run(node, ["--version"]);
  return { status: "ok", about: "node", text: `${out.trim().slice(1)}, ${node}` };
}

/** Whether the packages that the kernel is made of are there as the lock file has them. */
async function checkPackages(effects: DoctorEffects): Promise<Finding> {
  const json = async (path: string) => parse((await effects.read(join(effects.root, path))) ?? "");
  const names = Object.keys((await json("package.json")).dependencies ?? {});
  const lock = (await json("package-lock.json")).packages ?? {};
  const problems: string[] = [];
  for (const name of names) {
    const { version } = await json(`node_modules/${name}/package.json`);
    const locked = lock[`node_modules/${name}`]?.version;
    if (version === undefined) problems.push(`${name} is missing`);
    else if (version !== locked) problems.push(`${name} is ${version} instead of ${locked}`);
  }
  const about = "packages";
  if (problems.length === 0) return { status: "ok", about, text: `${names.length} as locked` };
  return { status: "wrong", about, text: problems.join(", "), remedy: `npm ci in ${effects.root} installs them` };
}

/** What a file that cannot be read as JSON would say is missing. */
function parse(json: string) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

/** Native code: tried in a process of its own, which it may take along. */
async function checkZeromq({ root, wanted, run }: DoctorEffects): Promise<Finding> {
  const ran = await run(wanted.argv[0]!, ["-e", "require(process.argv[1])", join(root, "node_modules", "zeromq")]);
  if (ran.status === 0) return { status: "ok", about: "zeromq", text: "its native module loads" };
  const remedy = `npm ci in ${root} fetches the one for this machine`;
  return { status: "wrong", about: "zeromq", text: `its native module does not load (${reason(ran)})`, remedy };
}
