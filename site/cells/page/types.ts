/**
 * Types of the cells of a page, each checked in the scope of the cells above it. Opened by the first edit.
 */
import type { Extension } from "@codemirror/state";
import type { Problem } from "../../../src/jupyter/cells/checker.ts";
import { openChecker } from "../../types/checker.ts";
import type { Checker } from "../../types/messages.ts";

/** Checks cells by their number, from 0. */
export interface CellTypes {
  /** None also where no check is to be had. */
  problems(cell: number, texts: readonly string[]): Promise<readonly Problem[]>;
  /** What shows types in the editor of a cell. */
  extension(cell: number, texts: () => readonly string[]): Promise<Extension>;
}

/** A check that is loaded when something is first asked of it. */
export function cellTypes(): CellTypes {
  let checker: Checker | undefined;
  let isOpen = false;
  let committed: readonly string[] = [];
  /** The checker, with all cells above this one committed. */
  const inScope = (cell: number, texts: readonly string[]): Checker | undefined => {
    if (!isOpen) checker = openChecker();
    isOpen = true;
    const above = texts.slice(0, cell);
    const isPrefix = committed.length <= above.length && committed.every((text, i) => text === above[i]);
    if (!isPrefix) checker?.forget();
    for (const text of above.slice(isPrefix ? committed.length : 0)) checker?.commit(text);
    committed = above;
    return checker;
  };
  return {
    async problems(cell, texts) {
      try {
        return (await inScope(cell, texts)?.check(texts[cell]!)) ?? [];
      } catch {
        // Offline, or an old browser: the cell runs unchecked, as JavaScript would.
        return [];
      }
    },
    async extension(cell, texts) {
      if (inScope(cell, texts()) === undefined) return [];
      const { typedEditor } = await import("../../types/editor.ts");
      return typedEditor({
        check: (code) => inScope(cell, texts())!.check(code),
        complete: (code, offset) => inScope(cell, texts())!.complete(code, offset),
        inspect: (code, offset) => inScope(cell, texts())!.inspect(code, offset),
      });
    },
  };
}
