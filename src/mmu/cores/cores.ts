/**
 * The real cores that there are descriptions of.
 */
import { oneOf } from "../../base/errors.ts";
import { arm64Cores } from "./arm64.ts";
import type { Core } from "./core.ts";
import { riscvCores } from "./riscv.ts";
import { x86Cores } from "./x86.ts";

/** Every core, by architecture. */
export const cores: readonly Core[] = [...x86Cores, ...arm64Cores, ...riscvCores];

/** A core by name; throws `UserError` with the nearest name for an unknown one. */
export function coreNamed(name: string): Core {
  const names = cores.map((core) => core.name);
  return cores[names.indexOf(oneOf("core", name, names))]!;
}
