/**
 * The TypeScript compiler as a writer of JavaScript, for what a small stripper cannot write.
 */
import type * as TypeScript from "typescript";
import type { Place } from "../../../src/jupyter/cells/edits.ts";

/** Writes a cell as JavaScript, and tells where everything came from. */
export type Compile = (code: string) => { readonly code: string; origin(place: Place): Place };

/** A compiler of cells, made of TypeScript. */
export function compileWith(ts: typeof TypeScript): Compile {
  const compilerOptions = { target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.ESNext, sourceMap: true };
  return (code) => {
    // Only a module may await at its top level. An import that is not used here may be used by a later cell: it is exported.
    const used = importedNames(ts, code).join(", ");
    const built = ts.transpileModule(`${code}\nexport { ${used} };`, { compilerOptions });
    const lines = decoded(JSON.parse(built.sourceMapText!).mappings);
    return {
      code: built.outputText.replace(/^export \{.*\};\n\/\/# sourceMappingURL=.*$/m, ""),
      origin: ({ line, column }) => lines[line - 1]?.findLast((entry) => entry.from <= column)?.to ?? { line, column },
    };
  };
}

function importedNames(ts: typeof TypeScript, code: string): string[] {
  const { statements } = ts.createSourceFile("cell.ts", code, ts.ScriptTarget.ESNext);
  return statements.flatMap((statement) => {
    const { name, namedBindings } = (ts.isImportDeclaration(statement) && statement.importClause) || {};
    const named =
      namedBindings === undefined ? [] : ts.isNamedImports(namedBindings) ? namedBindings.elements : [namedBindings];
    return [name, ...named.map((binding) => binding.name)].flatMap((local) => local?.text ?? []);
  });
}

interface Entry {
  /** Column of the JavaScript. */
  readonly from: number;
  readonly to: Place;
}

/** The mappings of a source map (ECMA-426), line by line: differences to the entry before, in base 64 with a sign bit. */
function decoded(mappings: string): Entry[][] {
  let [line, column] = [0, 0];
  return mappings.split(";").map((text) => {
    let from = 0;
    return text.split(",").flatMap((segment) => {
      const [step = 0, , lines, columns] = numbers(segment);
      from += step;
      if (lines === undefined || columns === undefined) return [];
      line += lines;
      column += columns;
      return [{ from: from + 1, to: { line: line + 1, column: column + 1 } }];
    });
  });
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function numbers(segment: string): number[] {
  const found: number[] = [];
  let [value, shift] = [0, 0];
  for (const letter of segment) {
    const digit = DIGITS.indexOf(letter);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit >= 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}
