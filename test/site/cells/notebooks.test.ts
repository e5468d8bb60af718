/**
 * The notebooks of the project, cell by cell, through the runner of cells in a page and drawn with its document: every output
 * is compared with the one that the kernel has stored.
 */
import ts from "typescript";
import { expect, test } from "vitest";
import { compileWith } from "../../../site/cells/code/compile.ts";
import { plotDocument } from "../../../site/cells/document.ts";
import { openSession } from "../../../site/cells/session.ts";
import { PROJECT_MODULES, PROJECT_ROOT } from "../../../src/jupyter/paths.ts";
import { figuresOf } from "../../../src/notebook/figures.ts";
import { listNotebooks, readNotebook } from "../../../src/notebook/file.ts";
import type { CodeCell, NbOutput, Notebook } from "../../../src/notebook/format.ts";
import { outputParts } from "../../../src/notebook/normalise.ts";
import { runNotebook } from "../../../src/notebook/run.ts";

const FOLDER = `${PROJECT_ROOT}/notebooks`;

const codeCells = (nb: Notebook): CodeCell[] => nb.cells.filter((cell) => cell.cell_type === "code");

/** For the slowest notebook on a busy machine, in milliseconds. */
const PATIENCE = 300_000;

test.each(await listNotebooks(FOLDER))(
  "%s gives in a page what the kernel has stored",
  { timeout: PATIENCE },
  async (name) => {
    const nb = await readNotebook(`${FOLDER}/${name}`);
    const before = process.cwd();
    process.chdir(FOLDER);
    const session = openSession({
      load: (specifier) => import(/* @vite-ignore */ PROJECT_MODULES[specifier] ?? specifier),
      compiler: async () => compileWith(ts),
      // Figures are drawn as by the build that drew the stored ones, which stands in their stamps.
      host: async () => ({ document: plotDocument(), build: figuresOf(nb)[0]!.stored.build }),
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
  },
);
