/**
 * Types in the editor of a cell: errors underlined, names completed, and what a name is when it is pointed at.
 */
import { autocompletion, type CompletionResult, completionKeymap } from "@codemirror/autocomplete";
import { type Diagnostic, linter, lintKeymap } from "@codemirror/lint";
import type { Extension, Text } from "@codemirror/state";
import { hoverTooltip, keymap } from "@codemirror/view";
import type { Problem } from "../../src/jupyter/cells/checker.ts";
import type { Checker } from "./messages.ts";

/** What an editor asks of a checker. */
export type EditorChecker = Pick<Checker, "check" | "complete" | "inspect">;

/** What an editor gets so that `checker` answers in it. */
export const typedEditor = (checker: EditorChecker): Extension => [
  linter(async ({ state }) => (await checker.check(state.doc.toString())).map((problem) => mark(problem, state.doc))),
  autocompletion({ override: [({ state, pos, explicit }) => completions(checker, state.doc, pos, explicit)] }),
  hoverTooltip(({ state }, pos) => tooltip(checker, state.doc, pos)),
  keymap.of([...completionKeymap, ...lintKeymap]),
];

/** A problem at its place in the text. */
function mark({ line, column, length, message }: Problem, doc: Text): Diagnostic {
  const from = Math.min(doc.length, doc.line(Math.min(line, doc.lines)).from + column - 1);
  return { from, to: Math.min(doc.length, from + length), severity: "error", message };
}

/** Names are offered where one has been begun, after a dot, and where the reader asks. */
async function completions(
  checker: EditorChecker,
  doc: Text,
  pos: number,
  isAsked: boolean,
): Promise<CompletionResult | null> {
  const before = doc.sliceString(Math.max(0, pos - 1), pos);
  if (!isAsked && !/[\w$.]/.test(before)) return null;
  const { start, end, matches, kinds } = await checker.complete(doc.toString(), pos);
  const options = matches.map((label, i) => ({ label, type: kinds[i]! }));
  return { from: start, to: end, options, validFor: /^[\w$]*$/ };
}

async function tooltip(checker: EditorChecker, doc: Text, pos: number) {
  const text = await checker.inspect(doc.toString(), pos);
  if (text === undefined) return null;
  return {
    pos,
    create: () => {
      const dom = document.createElement("div");
      dom.className = "ptlab-tip";
      dom.textContent = text;
      return { dom };
    },
  };
}
