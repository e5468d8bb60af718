/**
 * The cells that a session has run are the recipe of the figures that they draw: a figure that is not live carries the code of the
 * cells before it that ended well, and of its own.
 */
import type { Host } from "../../figure/figure.ts";
import { currentRun } from "./run.ts";
import type { CellText } from "./trace.ts";

/** Keeps which cells a figure needs. */
export interface Recipes {
  /** A cell has ended well. */
  ended(count: number): void;
  /** What the cell that is running draws with. */
  host(): Promise<Host>;
}

/** Recipes of a session's cells, which it keeps by their counts. */
export function createRecipes(host: () => Promise<Host>, cells: ReadonlyMap<number, CellText>): Recipes {
  const ended = new Set<number>();
  return {
    ended: (count) => void ended.add(count),
    async host() {
      const own = currentRun()?.count ?? 0;
      const needed = [...ended].filter((count) => count < own);
      const code = [...needed, own].flatMap((count) => cells.get(count)?.code ?? []);
      return { ...(await host()), cells: code };
    },
  };
}
