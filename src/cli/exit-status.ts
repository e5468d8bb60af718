/**
 * How a program ends when its work threw: what the user reads, and the status that a shell sees.
 */
import { CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import type { CommandEffects } from "./effects.ts";

/**
 * The exit status for an error, after its message: 130 when the user interrupted, 2 for a user's mistake, which prints its message
 * alone. Anything else is a bug and is thrown again, so that it shows where.
 */
export function exitStatus(error: unknown, program: string, effects: CommandEffects): number {
  if (effects.signal?.aborted) {
    effects.err(`${program}: interrupted\n`);
    return 130;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof UserError)) throw error;
  effects.err(`${program}: ${error.message}\n`);
  return 2;
}
