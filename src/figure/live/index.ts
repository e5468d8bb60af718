/**
 * The live figures that notebooks and pages can name; adding one is one file and one line here.
 */
import type { LiveFigure } from "../live.ts";

export const liveFigures: readonly LiveFigure[] = [];

/** The live figure of that name, if there is one. */
export const liveFigure = (id: string): LiveFigure | undefined => liveFigures.find((live) => live.id === id);
