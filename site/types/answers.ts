/**
 * Answers about cells: the check of the Jupyter kernel over the type environment of the page.
 */
import { createChecker } from "../../src/jupyter/cells/checker.ts";
import { withoutExports } from "../../src/jupyter/cells/exports.ts";
import { type Archive, inArchive } from "./archive.ts";
import type { Questions } from "./messages.ts";

/** The answers to all questions of one page. Takes a fifth of a second. */
export function answersFrom(environment: Archive): Questions {
  const checker = createChecker(inArchive(environment));
  return {
    check: (code) => checker.check(withoutExports(code)).problems,
    commit: (code) => checker.check(withoutExports(code)).keep(),
    forget: () => checker.forget(),
    complete: (code, offset) => checker.complete(withoutExports(code), offset),
    inspect: (code, offset) => checker.inspect(withoutExports(code), offset, false),
  };
}
