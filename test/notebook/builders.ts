/**
 * Small notebooks and sessions for the tests of the notebook folder.
 */
import type { CodeCell, Notebook, TextCell } from "../../src/notebook/format.ts";
import type { OutputEvent } from "../../src/notebook/outputs.ts";
import type { ExecuteResult, Session } from "../../src/notebook/session.ts";

export const code = (source: string, change: Partial<CodeCell> = {}): CodeCell => ({
  cell_type: "code",
  id: `c${source.length}-${Math.abs(hash(source))}`,
  source,
  metadata: {},
  execution_count: null,
  outputs: [],
  ...change,
});

export const prose = (source: string): TextCell => ({
  cell_type: "markdown",
  id: `t${Math.abs(hash(source))}`,
  source,
  metadata: {},
  attachments: {},
});

export const notebook = (...cells: Notebook["cells"]): Notebook => ({ metadata: {}, cells });

const hash = (text: string): number => [...text].reduce((h, c) => (h * 31 + c.charCodeAt(0)) | 0, 7);

export const stream = (text: string, name: "stdout" | "stderr" = "stdout"): OutputEvent => ({
  type: "output",
  output: { output_type: "stream", name, text },
});

export const shows = (text: string, displayId?: string): OutputEvent => ({
  type: "output",
  output: { output_type: "display_data", data: { "text/plain": text }, metadata: {} },
  displayId,
});

type Answer = (emit: (event: OutputEvent) => void, code: string) => Partial<ExecuteResult> | undefined;

/** What cells do, by their text. */
export type Answers = Readonly<Record<string, Answer>>;

/** A session that answers each cell's text by a table; an unknown cell prints itself. */
export function fakeSession(answers: Answers = {}) {
  const executed: string[] = [];
  let closed = 0;
  const session: Session = {
    async execute(source, { onOutput, signal, count = executed.length + 1 }) {
      executed.push(source);
      if (signal?.aborted) return { status: "aborted", count };
      const answer = answers[source] ?? ((emit) => void emit(stream(`${source}\n`)));
      return { status: "ok", count, ...answer(onOutput, source) };
    },
    async close() {
      closed++;
    },
  };
  return { session, executed, closed: () => closed };
}
