/**
 * What the page asks the worker that checks its edited cells.
 */
import type { Problem } from "../../src/jupyter/cells/checker.ts";
import type { Completion } from "../../src/jupyter/cells/editor.ts";

/** The questions, each about a cell in the scope of those committed so far. */
export interface Questions {
  /** Type and syntax errors of a cell, as the kernel would tell them. */
  check(code: string): readonly Problem[];
  /** Lets later cells see what a cell declares that has been run. */
  commit(code: string): void;
  /** Forgets all committed cells. */
  forget(): void;
  /** Names that fit at an offset. */
  complete(code: string, offset: number): Completion;
  /** Type and documentation of what is at an offset. */
  inspect(code: string, offset: number): string | undefined;
}

/** Who answers them in time: the worker, or whatever stands for it. */
export type Checker = {
  readonly [Name in keyof Questions]: (...given: Parameters<Questions[Name]>) => Promise<ReturnType<Questions[Name]>>;
};

/** A question on its way to the worker. */
export type Ask = {
  [Name in keyof Questions]: { readonly id: number; readonly name: Name; readonly given: Parameters<Questions[Name]> };
}[keyof Questions];

/** What comes back; an error is about the checker and not about the cell. */
export type Answer =
  | { readonly id: number; readonly result: ReturnType<Questions[keyof Questions]> }
  | { readonly id: number; readonly error: string };
