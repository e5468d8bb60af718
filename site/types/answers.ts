/**
 * Answers about cells: the check of the Jupyter kernel over the type environment of the page.
 */
import { type Checker, createChecker } from "../../src/jupyter/cells/checker.ts";
import { withoutExports } from "../../src/jupyter/cells/exports.ts";
import { ARCHIVE_MODULES, type Archive, inArchive } from "./archive.ts";
import type { Questions } from "./messages.ts";

/** The answers to all questions of one page. Takes most of a second. */
export function answersFrom(environment: Archive): Questions {
  const checker = createChecker(inArchive(environment));
  // What nearly every cell imports is read now and not when the first answer is waited for.
  checker.check(
    Object.keys(ARCHIVE_MODULES)
      .map((name) => `import ${JSON.stringify(name)};`)
      .join("\n"),
  );
  return answersOf(checker);
}

/** What a checker answers, whatever it reads from. */
export const answersOf = (checker: Checker): Questions => ({
  check: (code) => checker.check(withoutExports(code)).problems,
  commit: (code) => checker.check(withoutExports(code)).keep(),
  forget: () => checker.forget(),
  complete: (code, offset) => checker.complete(withoutExports(code), offset),
  inspect: (code, offset) => checker.inspect(withoutExports(code), offset, false),
});
