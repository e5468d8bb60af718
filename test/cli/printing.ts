/**
 * Where commands print in tests.
 */
import type { CommandEffects } from "../../src/cli/effects.ts";

/** Effects without a terminal, and what was printed through them. */
export function printing() {
  const printed = { out: "", err: "" };
  const effects: CommandEffects = {
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
    terminal: false,
  };
  return { effects, printed };
}
