/**
 * What the doctor says of Jupyter itself: does it run, can its Python start kernels, and is there a front end.
 */
import { dirname, join } from "node:path";
import type { Finding } from "./doctor.ts";
import { findProgram, findPython, type Jupyter, type NoJupyter, type ProbedMachine } from "./find-jupyter.ts";

const GET_JUPYTER =
  "install Jupyter, on Debian with `apt install jupyter-notebook`, elsewhere with `python3 -m pip install notebook`";

const FRONT_ENDS = ["notebook", "lab", "console", "nbconvert"];

/** Jupyter, and the Pythons that run it or seem to. */
export async function* checkPython(jupyter: Jupyter | NoJupyter, machine: ProbedMachine): AsyncGenerator<Finding> {
  if ("failure" in jupyter) {
    yield { status: "wrong", about: "jupyter", text: jupyter.failure, remedy: GET_JUPYTER };
    return;
  }
  yield { status: "ok", about: "jupyter", text: jupyter.command.join(" ") };
  const { python } = jupyter;
  if (python === undefined) yield { status: "note", about: "python", text: "which one runs Jupyter cannot be told" };
  else yield await checkClient(python, jupyter, machine);
  const other = await findPython(machine);
  if (other === undefined || other === python || (await clientVersion(other, machine)) !== undefined) return;
  const text = `${other} comes first on PATH and has no jupyter_client`;
  yield { status: "note", about: "python", text, remedy: "start Jupyter by the command jupyter, not by python3 -m" };
}

/** The package without which Jupyter runs and starts no kernel. */
async function checkClient(python: string, { command }: Jupyter, machine: ProbedMachine): Promise<Finding> {
  const version = await clientVersion(python, machine);
  if (version !== undefined) return { status: "ok", about: "python", text: `${python}, jupyter_client ${version}` };
  const text = `${python}, which runs ${command.join(" ")}, has no jupyter_client and starts no kernel`;
  return { status: "wrong", about: "python", text, remedy: GET_JUPYTER };
}

async function clientVersion(python: string, { run }: ProbedMachine): Promise<string | undefined> {
  const ran = await run(python, ["-c", "import jupyter_client; print(jupyter_client.__version__)"]);
  return ran.status === 0 ? ran.out.trim() : undefined;
}

/** The programs that can open a notebook: commands of their own on PATH or beside Jupyter's. */
export async function checkFrontEnds(jupyter: Jupyter | NoJupyter, machine: ProbedMachine): Promise<Finding> {
  const beside = "failure" in jupyter ? undefined : dirname(jupyter.command[0]!);
  const found: string[] = [];
  for (const name of FRONT_ENDS) {
    const program = `jupyter-${name}`;
    const isBeside = beside !== undefined && (await machine.isProgram(join(beside, program)));
    if (isBeside || (await findProgram(program, machine)) !== undefined) found.push(name);
  }
  if (found.length > 0) return { status: "ok", about: "front ends", text: found.join(", ") };
  return { status: "wrong", about: "front ends", text: "none is installed", remedy: GET_JUPYTER };
}
