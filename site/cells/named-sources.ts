/**
 * The source files that notebooks show. An index of all of them would cost a build ten seconds, and a page four megabytes.
 */
import { sourceFiles } from "../../src/jupyter/show/source.ts";
import { listNotebooks, readNotebook } from "../../src/notebook/file.ts";

const FOLDER = "notebooks";

/** Paths below `src/` that stand in the code of a notebook. */
export async function namedSources(): Promise<readonly string[]> {
  const notebooks = await Promise.all((await listNotebooks(FOLDER)).map((name) => readNotebook(`${FOLDER}/${name}`)));
  const code = notebooks.flatMap(({ cells }) => cells.filter((cell) => cell.cell_type === "code"));
  const quoted = code.flatMap(({ source }) =>
    [...source.matchAll(/["'`]([\w./-]+\.ts)["'`]/g)].map((match) => match[1]!),
  );
  const files = new Set(sourceFiles(process.cwd()));
  return [...new Set(quoted)].filter((path) => files.has(path)).sort();
}
