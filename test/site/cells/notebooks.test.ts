/**
 * The notebooks of the project, cell by cell, through the runner of cells in a page and drawn with its document: every output
 * is compared with the one that the kernel has stored.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { compileWith } from "../../../site/cells/code/compile.ts";
import { plotDocument } from "../../../site/cells/document.ts";
import { openSession } from "../../../site/cells/session.ts";
import { FIGURE_MIME } from "../../../src/figure/figure.ts";
import { PROJECT_MODULES } from "../../../src/jupyter/paths.ts";
import { readNotebook } from "../../../src/notebook/file.ts";
import type { CodeCell, NbOutput, Notebook } from "../../../src/notebook/format.ts";
import { outputParts } from "../../../src/notebook/normalise.ts";
import { runNotebook } from "../../../src/notebook/run.ts";

const FOLDER = fileURLToPath(new URL("../../../notebooks", import.meta.url));

const notebooks = readdirSync(FOLDER).filter((name) => name.endsWith(".ipynb"));

/** The build that drew the stored figures, which stands in their stamps. */
function storedBuild(nb: Notebook): { version: string; source: string } {
  const bundles = codeCells(nb).flatMap(({ outputs }) => outputs.flatMap((o) => ("data" in o ? [o.data] : [])));
  const figure = bundles.map((data) => data[FIGURE_MIME]).find((value) => value !== undefined);
  return (figure as unknown as { stamp: { version: string; source: string } }).stamp;
}

const codeCells = (nb: Notebook): CodeCell[] => nb.cells.filter((cell) => cell.cell_type === "code");

/** For the slowest notebook on a busy machine, in milliseconds. */
const PATIENCE = 300_000;

test.each(notebooks)("%s gives in a page what the kernel has stored", { timeout: PATIENCE }, async (name) => {
  const nb = await readNotebook(`${FOLDER}/${name}`);
  const before = process.cwd();
  process.chdir(FOLDER);
  const session = openSession({
    load: (specifier) => import(/* @vite-ignore */ PROJECT_MODULES[specifier] ?? specifier),
    compiler: async () => compileWith(ts),
    host: async () => ({ document: plotDocument(), build: storedBuild(nb) }),
    meta: {},
  });
  try {
    const ran = codeCells(await runNotebook(nb, session));
    for (const [i, cell] of codeCells(nb).entries()) {
      const parts = (output: NbOutput) => outputParts(output, cell.source);
      expect(ran[i]!.outputs.map(parts), cell.source).toEqual(cell.outputs.map(parts));
    }
  } finally {
    await session.close();
    process.chdir(before);
  }
});
