/**
 * Type check, completion and inspection of cells, each in the scope of the cells before it. Strict, ES2024, bundler
 * resolution: what the project's own type check accepts, a cell accepts.
 */
import type { CompilerOptions, Diagnostic, Program, SourceFile } from "typescript";
import { takenNames } from "../session/globals.ts";
import { type Completeness, type Completion, complete, completeness, inspect } from "./editor.ts";
import { type Hover, hoversOf } from "./hovers.ts";
import { type Names, runtimeNames } from "./names.ts";
import type { CellPlace } from "./place.ts";
import { createCellProgram, type OpenCell } from "./program.ts";
import { loadTypeScript } from "./typescript.ts";

/** One type or syntax error in a cell; line and column count from one, length in UTF-16 units on that line. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly message: string;
  readonly code: number;
}

/** A cell after its check. */
export interface Checked {
  readonly problems: readonly Problem[];
  /** Names that are called otherwise at run time. */
  readonly names: Names;
  /** All names of the cell that have something to say. */
  hovers(): readonly Hover[];
  /** Lets later cells see what the cell declares. */
  keep(): void;
}

/** Type check and editor answers for the cells of one session. */
export interface Checker {
  /** Checks a cell after all cells kept so far. */
  check(code: string): Checked;
  complete(code: string, offset: number): Completion;
  /** Type and documentation of what is at the offset, and its source if wanted, or undefined where there is nothing. */
  inspect(code: string, offset: number, withSource: boolean): string | undefined;
  completeness(code: string): Completeness;
  /** Forgets all cells kept so far. */
  forget(): void;
}

/** A checker for the cells of a place. Takes about a second. */
export function createChecker(place: CellPlace): Checker {
  const program = createCellProgram(place, compilerOptions(place));
  const taken = takenNames();
  return {
    check(code) {
      const cell = program.open(code);
      const problems = diagnostics(cell).map(toProblem);
      const names = runtimeNames(cell, taken);
      return { problems, names, hovers: () => hoversOf(cell), keep: () => program.keep(cell) };
    },
    complete: (code, offset) => complete(program.open(code), offset),
    inspect: (code, offset, withSource) => inspect(program.open(code), offset, withSource),
    completeness,
    forget: () => program.forget(),
  };
}

/** "Could not find a declaration file for module": a package without types is `any`. */
const UNTYPED_MODULE = 7016;

function diagnostics({ file, program }: OpenCell): readonly Diagnostic[] {
  const syntactic = program.getSyntacticDiagnostics(file);
  if (syntactic.length > 0) return syntactic;
  const broken = brokenImports(file, program);
  if (broken.length > 0) return broken;
  return program.getSemanticDiagnostics(file).filter(({ code }) => code !== UNTYPED_MODULE);
}

/** Mistakes in the syntax of what a cell imports, told where it imports that: the types of such a file mean nothing. */
function brokenImports(file: SourceFile, program: Program): Diagnostic[] {
  const ts = loadTypeScript();
  const checker = program.getTypeChecker();
  return file.statements.filter(ts.isImportDeclaration).flatMap(({ moduleSpecifier: name }) => {
    const target = checker.getSymbolAtLocation(name)?.declarations?.find(ts.isSourceFile);
    const [first] = target === undefined ? [] : program.getSyntacticDiagnostics(target);
    if (first === undefined) return [];
    const { line, character } = first.file.getLineAndCharacterOfPosition(first.start);
    const place = `${first.file.fileName}:${line + 1}:${character + 1}`;
    const messageText = `${place}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`;
    return [{ ...first, file, start: name.getStart(file), length: name.getWidth(file), messageText }];
  });
}

function toProblem({ file, start = 0, length = 0, messageText, code }: Diagnostic): Problem {
  const ts = loadTypeScript();
  const at = file?.getLineAndCharacterOfPosition(start) ?? { line: 0, character: 0 };
  const lineEnd = file === undefined ? start : (file.getLineStarts()[at.line + 1] ?? file.text.length + 1) - 1;
  return {
    line: at.line + 1,
    column: at.character + 1,
    length: Math.max(1, Math.min(length, lineEnd - start)),
    message: ts.flattenDiagnosticMessageText(messageText, "\n"),
    code,
  };
}

function compilerOptions(place: CellPlace): CompilerOptions {
  const ts = loadTypeScript();
  return {
    strict: true,
    target: ts.ScriptTarget.ES2024,
    // No DOM: a cell runs in Node, so `document` has to be an unknown name.
    lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.ESNext,
    // Not nodenext: that asks the nearest package.json whether a cell may await, and a notebook may have none.
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [`${place.root}/node_modules/@types`],
    paths: modulePaths(place),
  };
}

/** The project's own names, and for a notebook elsewhere the project's packages after those of its own folder. */
function modulePaths({ folder, root, modules }: CellPlace): Record<string, string[]> {
  const own = Object.entries(modules).map(([name, file]) => [name, [file]]);
  const packages = `${root}/node_modules`;
  const inside = `${folder}/`.startsWith(`${root}/`);
  const others = inside ? [] : [["*", [`${folder}/node_modules/*`, `${packages}/*`, `${packages}/@types/*`]]];
  return Object.fromEntries([...own, ...others]);
}
