/**
 * The console of cells: what it prints are stream outputs of the running cell, in the words of Node's.
 */
import { format, type InspectOptions, inspect } from "node:util";
import { emit } from "../../src/jupyter/session/run.ts";

type Name = "stdout" | "stderr";

/** Takes over the console; returns what gives it back. */
export function captureConsole(): () => void {
  const real = globalThis.console;
  globalThis.console = Object.assign(Object.create(real) as Console, cellConsole());
  return () => {
    globalThis.console = real;
  };
}

/** Columns by which a group is indented. */
const INDENT = 2;

function cellConsole(): Partial<Console> {
  let indent = "";
  const counts = new Map<string, number>();
  const put = (name: Name, text: string) => {
    const lines = indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`);
    emit({ type: "output", output: { output_type: "stream", name, text: `${lines}\n` } });
  };
  const printer =
    (name: Name) =>
    (...values: unknown[]) =>
      put(name, format(...values));
  const [log, warn] = [printer("stdout"), printer("stderr")];
  const group = (...values: unknown[]) => {
    if (values.length > 0) log(...values);
    indent += " ".repeat(INDENT);
  };
  return {
    ...{ log, info: log, debug: log, dirxml: log, warn, error: warn, group, groupCollapsed: group },
    groupEnd: () => {
      indent = indent.slice(INDENT);
    },
    dir: (value: unknown, options?: InspectOptions) => log(inspect(value, { customInspect: false, ...options })),
    assert: (condition?: unknown, ...values: unknown[]) => {
      if (!condition) warn(values.length === 0 ? "Assertion failed" : `Assertion failed: ${format(...values)}`);
    },
    count: (label = "default") => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      log(`${label}: ${counts.get(label)}`);
    },
    countReset: (label = "default") => void counts.delete(label),
  };
}
