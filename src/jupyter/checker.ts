/**
 * Type check, completion and inspection of cells by tslab's converter, which carries the declarations of earlier cells
 * along as text. Strict, ES2024, bundler resolution: what the project's own type check accepts, a cell accepts.
 */
import type { CompilerOptions } from "typescript";
import { PROJECT_MODULES, PROJECT_ROOT } from "./paths.ts";
import { createConverter, loadTypeScript, printQuickInfo, type TslabDiagnostic } from "./tslab-typescript.ts";

/** One type or syntax error in a cell; line and column count from one, length in UTF-16 units on that line. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly message: string;
  readonly code: number;
}

/** Names that fit at a place of a cell; start and end are UTF-16 offsets of what they replace. */
export interface Completion {
  readonly start: number;
  readonly end: number;
  readonly matches: readonly string[];
}

/** Whether a cell could be run as it is; `indent` is what the next line should start with. */
export type Completeness =
  | { readonly status: "complete" | "invalid" }
  | { readonly status: "incomplete"; readonly indent: string };

/** Type check and editor answers for the cells of one session; keeps the declarations of the cells so far. */
export interface Checker {
  /** Checks a cell after all cells kept so far. */
  check(code: string): { readonly problems: readonly Problem[]; keep(): void };
  complete(code: string, offset: number): Completion;
  /** Type and documentation of what is at the offset, or undefined where there is nothing. */
  inspect(code: string, offset: number): string | undefined;
  completeness(code: string): Completeness;
  close(): void;
}

/** A checker for cells whose relative imports start at `folder`. Takes about a second. */
export function createChecker(folder: string): Checker {
  const { converter, files, isComplete } = createConverter({ folder, options: compilerOptions(folder) });
  let declarations = "";
  return {
    check(code) {
      files.poll();
      const { diagnostics, declOutput } = converter.convert(declarations, code);
      const problems = joinChains(diagnostics).map(toProblem);
      const keep = () => {
        declarations = declOutput ?? declarations;
      };
      return { problems, keep };
    },
    complete(code, offset) {
      const found = converter.complete(declarations, code, offset);
      return { start: found.start, end: found.end, matches: found.candidates };
    },
    inspect(code, offset) {
      const info = converter.inspect(declarations, code, offset);
      return info === undefined ? undefined : printQuickInfo(info);
    },
    completeness(code) {
      const found = isComplete(code);
      if (!found.completed) return { status: "incomplete", indent: found.indent ?? "" };
      const errors = syntaxErrors(code);
      if (errors.includes(UNTERMINATED_TEMPLATE)) return { status: "incomplete", indent: "" };
      return { status: errors.length > 0 ? "invalid" : "complete" };
    },
    close: () => converter.close(),
  };
}

/** tslab knows what ends too early by "... expected", which this message does not say. */
const UNTERMINATED_TEMPLATE = 1160;

function syntaxErrors(code: string): number[] {
  const ts = loadTypeScript();
  const compilerOptions = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
  const reported = ts.transpileModule(code, { reportDiagnostics: true, compilerOptions });
  return (reported.diagnostics ?? []).map((d) => d.code);
}

/** tslab flattens a message and its reasons into a list; the reasons are told by their equal place. */
function joinChains(diagnostics: readonly TslabDiagnostic[]): TslabDiagnostic[] {
  const joined: TslabDiagnostic[] = [];
  for (const d of diagnostics) {
    const last = joined.at(-1);
    if (last?.start.offset === d.start.offset && last.end.offset === d.end.offset)
      joined[joined.length - 1] = { ...last, messageText: `${last.messageText}\n  ${d.messageText}` };
    else joined.push(d);
  }
  return joined;
}

function toProblem(d: TslabDiagnostic): Problem {
  const sameLine = d.end.line === d.start.line;
  return {
    line: d.start.line + 1,
    column: d.start.character + 1,
    length: Math.max(1, sameLine ? d.end.character - d.start.character : 1),
    message: d.messageText,
    code: d.code,
  };
}

function compilerOptions(folder: string): CompilerOptions {
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
    allowJs: false,
    checkJs: false,
    types: ["node"],
    typeRoots: [`${PROJECT_ROOT}/node_modules/@types`],
    paths: modulePaths(folder),
    experimentalDecorators: undefined,
    // Options of the fork that TypeScript has dropped or never had.
    noImplicitUseStrict: undefined,
    disableTopLevelAwait: undefined,
  };
}

/** The project's own names, and for a notebook elsewhere the project's packages after those of its own folder. */
function modulePaths(folder: string): Record<string, string[]> {
  const own = Object.entries(PROJECT_MODULES).map(([name, file]) => [name, [file]]);
  const packages = `${PROJECT_ROOT}/node_modules`;
  const inside = `${folder}/`.startsWith(`${PROJECT_ROOT}/`);
  const others = inside ? [] : [["*", [`${folder}/node_modules/*`, `${packages}/*`, `${packages}/@types/*`]]];
  return Object.fromEntries([...own, ...others]);
}
