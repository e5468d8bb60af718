/**
 * What the commands of figures print, and where they write, in tests.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { FigureEffects } from "../../src/cli/figure.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { testHost } from "../figure/samples.ts";
import { printing } from "./printing.ts";

/** Effects that keep what is printed. */
export function figureEffects(change: Partial<FigureEffects> = {}) {
  const { effects, printed } = printing();
  const given: FigureEffects = { ...effects, root: PROJECT_ROOT, host: async () => testHost(), ...change };
  return { effects: given, printed };
}

/** Names files in a folder that lasts as long as a test. */
export function scratchFolder(): (name: string) => string {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ptlab-figure-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  return (name) => join(folder, name);
}
