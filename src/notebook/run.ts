/**
 * Runs a notebook's code cells from top to bottom in one session and stores what they put out, in a form in which two
 * runs of the same code give the same bytes.
 */
import { type CodeCell, hasCode, type NbCell, type Notebook } from "./format.ts";
import { outputLog } from "./outputs.ts";
import type { ExecuteResult, Session } from "./session.ts";

/** What a run may use besides the session. */
export interface NotebookRunEffects {
  /** Called before each code cell: `cell` counts from 1 up to `cells`. */
  readonly progress?: (cell: number, cells: number) => void;
  readonly signal?: AbortSignal;
}

/** A cell that failed, in the words of whoever reads the notebook: cells of all kinds count from 1. */
export class CellFailure extends Error {
  override readonly name = "CellFailure";
  readonly cell: number;
  /** Line within the cell from 1, where the error's traceback tells. */
  readonly line: number | undefined;

  constructor(cell: number, line: number | undefined, message: string) {
    super(message);
    this.cell = cell;
    this.line = line;
  }
}

/** A run that was interrupted. */
export class RunInterrupted extends Error {
  override readonly name = "RunInterrupted";
}

/**
 * The notebook with the outputs of a new run; the given one is left as it is. Cells with nothing but white space are not
 * run. Throws {@link CellFailure} at the first cell that fails and {@link RunInterrupted} on a signal.
 */
export async function runNotebook(nb: Notebook, session: Session, effects: NotebookRunEffects = {}): Promise<Notebook> {
  const log = outputLog();
  const code = nb.cells.map((cell, index) => ({ cell, index })).filter(({ cell }) => hasCode(cell));
  const counts = new Map<number, number>();
  for (const [n, { cell, index }] of code.entries()) {
    effects.progress?.(n + 1, code.length);
    counts.set(index, n + 1);
    const { signal } = effects;
    if (signal?.aborted) throw new RunInterrupted("interrupted");
    const onOutput = log.apply.bind(undefined, index);
    check(await session.execute(cell.source, { onOutput, signal, count: n + 1 }), index + 1, n + 1);
  }
  const ran = (cell: NbCell, index: number): NbCell =>
    cell.cell_type === "code" ? withOutputs(cell, counts.get(index) ?? null, log.of(index)) : cell;
  return { ...nb, cells: nb.cells.map(ran) };
}

function check(result: ExecuteResult, cell: number, count: number): void {
  if (result.status === "aborted") throw new RunInterrupted("interrupted");
  if (result.status === "ok") return;
  const message = `${result.ename ?? "Error"}: ${result.evalue ?? ""}`;
  throw new CellFailure(cell, failedLine(result.traceback ?? [], count), message);
}

function withOutputs(cell: CodeCell, count: number | null, outputs: CodeCell["outputs"]): CodeCell {
  const numbered = outputs.map((o) => (o.output_type === "execute_result" ? { ...o, execution_count: count } : o));
  return { ...cell, execution_count: count, outputs: numbered };
}

/** The line that a traceback names for the running cell, which sessions write as `In[count]:line` or `cell count, line line`. */
function failedLine(traceback: readonly string[], count: number): number | undefined {
  const place = new RegExp(`(?:In ?\\[${count}\\]:|cell ${count}, line )(\\d+)`, "i");
  const line = place.exec(traceback.join("\n"))?.[1];
  return line === undefined ? undefined : Number(line);
}
