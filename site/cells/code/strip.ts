/**
 * A cell's TypeScript as JavaScript. Sucrase is small and keeps every line; what it does not write as Node's stripper or the
 * compiler does is left to the TypeScript compiler, which is loaded for such a cell alone.
 */
import { Parser, type Program } from "acorn";
import { transform } from "sucrase";
import { type Place, placeAt } from "../../../src/jupyter/cells/edits.ts";
import type { Compile } from "./compile.ts";
import { marksOf } from "./tokens.ts";

/** JavaScript of a cell, parsed. */
export interface Plain {
  readonly code: string;
  readonly program: Program;
  /** A `var` without a value may stand for an enum or a namespace, which must not find what a former one left. */
  readonly startsAnew: boolean;
  /** The place in the cell of a place in the JavaScript. */
  origin(place: Place): Place;
}

/** The cell without its types. `compiler` is asked for only by cells that need it. Throws a SyntaxError with its place. */
export async function strip(code: string, compiler: () => Promise<Compile>): Promise<Plain> {
  const { hasEnum, needsCompiler } = placed(() => marksOf(code));
  if (needsCompiler) {
    const { code: compiled, origin } = (await compiler())(code);
    return { code: compiled, program: parse(compiled), startsAnew: true, origin };
  }
  const plain = placed(() => withoutTypes(code));
  return { code: plain, program: parse(plain), startsAnew: hasEnum, origin: (place) => place };
}

function withoutTypes(code: string): string {
  // An import that is not used here may be used by a later cell.
  const options = { transforms: ["typescript" as const], disableESTransforms: true, keepUnusedImports: true };
  return transform(code, options).code;
}

/** Gives an error of sucrase its place. */
function placed<T>(result: () => T): T {
  try {
    return result();
  } catch (error) {
    const { message, loc } = error as Error & { loc?: Place };
    const text = message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
    throw new MisplacedError(text, loc ?? { line: 1, column: 1 });
  }
}

/** Wrong syntax, and where in what was parsed. */
class MisplacedError extends SyntaxError {
  override readonly name = "SyntaxError";
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/** What a cell exports may have been declared by an earlier one. */
class CellParser extends Parser {
  checkLocalExport(): void {}
}

function parse(code: string): Program {
  try {
    return CellParser.parse(code, { ecmaVersion: "latest", sourceType: "module", allowAwaitOutsideFunction: true });
  } catch (error) {
    const { message, pos } = error as Error & { pos?: number };
    throw new MisplacedError(message.replace(/ \(\d+:\d+\)$/, ""), placeAt(code, pos ?? 0));
  }
}
