/**
 * Puts the project's own TypeScript under tslab's converter, which is written against a fork of TypeScript 5.0.
 *
 * The fork lacks ES2024, the newer inference that this project's sources rely on, and the options strict, bundler
 * resolution and `.ts` specifiers are fixed in the converter. All of it passes through the TypeScript module that the
 * converter requires, so that module is what is replaced. Source: typescript-for-tslab 5.0.4, which differs from
 * TypeScript 5.0.4 by the four functions below and the option `disableTopLevelAwait`.
 */

import { statSync } from "node:fs";
import { createRequire } from "node:module";
import type * as TypeScript from "typescript";

const require = createRequire(import.meta.url);

/** TypeScript's public interface. */
export type Ts = typeof TypeScript;
/** TypeScript as it really is: the converter needs a few functions that the public types leave out. */
type TsInternals = Ts & {
  getTouchingPropertyName(file: TypeScript.SourceFile, position: number): TypeScript.Node;
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: TypeScript.TypeChecker,
      symbol: TypeScript.Symbol,
      file: TypeScript.SourceFile,
      enclosing: TypeScript.Node,
      location: TypeScript.Node,
    ): Pick<TypeScript.QuickInfo, "displayParts" | "documentation" | "tags"> & {
      symbolKind: TypeScript.ScriptElementKind;
    };
  };
  nullTransformationContext: unknown;
  Completions: { getCompletionsAtPosition(...args: unknown[]): unknown };
};
type Builder = TypeScript.EmitAndSemanticDiagnosticsBuilderProgram;

/** TypeScript's compiler, loaded on first use because that alone takes 0.2 s. */
export const loadTypeScript = (): Ts => require("typescript") as Ts;

/** What the converter is built with: where cells live, and the options that win over tslab's own. */
export interface ConverterSetup {
  readonly folder: string;
  readonly options: TypeScript.CompilerOptions;
}

/** Tells the converter about files on disk that changed since the last call; cheap, one `stat` a watched file. */
export interface FileWatch {
  poll(): void;
}

/** A diagnostic of tslab; lines and characters count from zero, a file is named only if it is not the cell. */
export interface TslabDiagnostic {
  readonly start: { readonly offset: number; readonly line: number; readonly character: number };
  readonly end: { readonly offset: number; readonly line: number; readonly character: number };
  readonly messageText: string;
  readonly code: number;
  readonly fileName?: string;
}

/** tslab's converter, as far as it is used here. Declarations of earlier cells go in and out as text. */
export interface TslabConverter {
  convert(declarations: string, code: string): { diagnostics: readonly TslabDiagnostic[]; declOutput?: string };
  inspect(declarations: string, code: string, position: number): TypeScript.QuickInfo | undefined;
  complete(
    declarations: string,
    code: string,
    position: number,
  ): { start: number; end: number; candidates: string[]; original?: TypeScript.CompletionInfo };
  close(): void;
}

/** A symbol's description as text: tslab's printer. */
export const printQuickInfo = (info: TypeScript.QuickInfo): string =>
  (require("tslab/dist/inspect") as { printQuickInfo(info: TypeScript.QuickInfo): string }).printQuickInfo(info);

/** Whether a cell is complete, by tslab's rules: two empty lines at the end say so, a missing bracket says not. */
export type IsComplete = (code: string) => { readonly completed: boolean; readonly indent?: string };

/** Creates tslab's converter on the project's TypeScript. Takes a second or so: the type program is built here. */
export function createConverter(setup: ConverterSetup): {
  converter: TslabConverter;
  files: FileWatch;
  isComplete: IsComplete;
} {
  const ts = loadTypeScript() as TsInternals;
  const watch = pollingWatch();
  const sys = { ...ts.sys, getCurrentDirectory: () => setup.folder, watchFile: watch.watchFile };
  const module = requireConverterWith({ ...ts, sys, ...adaptations(ts, setup) });
  return { converter: module.createConverter(), files: watch, isComplete: module.isCompleteCode };
}

/** Loads a fresh copy of the converter: it reads `ts.sys` when it is loaded, so each folder needs its own. */
function requireConverterWith(shim: object): { createConverter(): TslabConverter; isCompleteCode: IsComplete } {
  const path = require.resolve("tslab/dist/converter");
  const fork = createRequire(path).resolve("@tslab/typescript-for-tslab");
  const stub = { id: fork, filename: fork, path: fork, loaded: true, exports: shim, children: [], paths: [] };
  require.cache[fork] = stub as unknown as NodeJS.Module;
  delete require.cache[path];
  return require(path);
}

function adaptations(ts: TsInternals, setup: ConverterSetup): object {
  return {
    // The type roots among the options win; the converter only wants a list.
    getDefaultTypeRoots: () => [],
    getNullTransformationContext: () => ts.nullTransformationContext,
    getPreEmitDiagnosticsOfFiles: (program: TypeScript.Program) => cellDiagnostics(ts, program, setup.folder),
    getQuickInfoAtPosition: (
      file: TypeScript.SourceFile,
      checker: TypeScript.TypeChecker,
      _token: unknown,
      position: number,
    ) => quickInfo(ts, file, checker, position),
    Completions: {
      ...ts.Completions,
      getCompletionsAtPositionForTslab: (...args: unknown[]) => ts.Completions.getCompletionsAtPosition(...args),
    },
    // Only declarations are taken from the converter's output; execution strips types from the cell itself.
    transpileModule: (code: string) => ({ outputText: code }),
    createWatchCompilerHost: (
      roots: string[],
      options: TypeScript.CompilerOptions,
      ...rest: [TypeScript.System, unknown, never, never]
    ) => createHost(ts, roots, { ...options, ...setup.options }, rest),
  };
}

function createHost(
  ts: Ts,
  roots: string[],
  options: TypeScript.CompilerOptions,
  [sys, , ...reports]: [TypeScript.System, unknown, never, never],
): unknown {
  const create = ((...args: Parameters<typeof ts.createEmitAndSemanticDiagnosticsBuilderProgram>) =>
    onlyOwnFile(ts.createEmitAndSemanticDiagnosticsBuilderProgram(...args))) as never;
  return ts.createWatchCompilerHost(roots, options, sys, create, ...reports);
}

/** tslab emits every source file that a cell imports; here Node runs those itself, so none is emitted. */
function onlyOwnFile(builder: Builder): Builder {
  builder.getAllDependencies = (file) => [file.fileName];
  return builder;
}

/** "File is not under rootDir": tslab fixes rootDir to the cell's folder, and nothing but the cell is emitted. */
const OUTSIDE_ROOT_DIR = 6059;

/** Diagnostics of the cell alone: what it imports is checked by the project's own type check. */
function cellDiagnostics(ts: Ts, program: TypeScript.Program, folder: string): readonly TypeScript.Diagnostic[] {
  const cell = program.getSourceFile(`${folder}/__tslab__.ts`);
  const found = [
    ...program.getSyntacticDiagnostics(cell),
    ...program.getSemanticDiagnostics(cell),
    ...program.getDeclarationDiagnostics(cell),
  ];
  return ts.sortAndDeduplicateDiagnostics(found.filter((d) => d.code !== OUTSIDE_ROOT_DIR));
}

/** The fork's function, of which tslab has only a copy: what TypeScript's language service says of a symbol. */
function quickInfo(
  ts: TsInternals,
  file: TypeScript.SourceFile,
  checker: TypeScript.TypeChecker,
  position: number,
): TypeScript.QuickInfo | undefined {
  const node = ts.getTouchingPropertyName(file, position);
  const symbol = node === file ? undefined : checker.getSymbolAtLocation(node);
  if (symbol === undefined || checker.isUnknownSymbol(symbol)) return undefined;
  const text = ts.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(checker, symbol, file, node, node);
  const textSpan = { start: node.getStart(file), length: node.getWidth(file) };
  return { kind: text.symbolKind, kindModifiers: "", textSpan, ...text };
}

/** A watch without timers: tslab's own reacts some time after an edit, a poll before each cell reacts at once. */
function pollingWatch(): FileWatch & { watchFile: NonNullable<TypeScript.System["watchFile"]> } {
  const watched = new Map<string, { callback: TypeScript.FileWatcherCallback; stamp: string }>();
  return {
    watchFile: (path, callback) => {
      if (!path.includes("/node_modules/")) watched.set(path, { callback, stamp: stampOf(path) });
      return { close: () => void watched.delete(path) };
    },
    poll: () => {
      for (const [path, entry] of watched) {
        const stamp = stampOf(path);
        if (stamp === entry.stamp) continue;
        entry.stamp = stamp;
        entry.callback(path, stamp === "" ? 2 : 1);
      }
    },
  };
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size}`;
}
