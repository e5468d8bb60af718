/**
 * A machine made of a table of files and a table of programs.
 */
import type { ProbedMachine, Ran } from "../../src/jupyter/install/find-jupyter.ts";

export interface MadeUp {
  readonly files: Record<string, string>;
  /** Programs by full path: what they print, or how they fail. */
  readonly programs: Record<string, (args: readonly string[]) => string | Partial<Ran>>;
  readonly env: Record<string, string>;
}

export const machineOf = ({ files, programs, env }: MadeUp): ProbedMachine => ({
  ...{ env, platform: "linux", home: "/home/ada", isRoot: false },
  read: async (path) => files[path],
  isProgram: async (path) => path in programs,
  async run(program, args) {
    const said = programs[program]?.(args) ?? { status: undefined, err: "spawn ENOENT" };
    return typeof said === "string" ? { status: 0, out: said, err: "" } : { status: 1, out: "", err: "", ...said };
  },
});

/** Jupyter's answer to `--paths --json`. */
export const pathsJson = (...data: string[]): string => JSON.stringify({ runtime: [], config: [], data });
