/**
 * TypeScript's compiler, loaded when it is first needed, and all that the kernel uses of it beyond its public types: what
 * its own language service is made of. A new release may change that without a word.
 */
import type * as TypeScript from "typescript";

type SourceFile = TypeScript.SourceFile;
type Resolved = TypeScript.ResolvedModuleWithFailedLookupLocations;

/** TypeScript as it really is. */
type Internals = typeof TypeScript & {
  bindSourceFile(file: SourceFile, options: TypeScript.CompilerOptions): void;
  getTouchingPropertyName(file: SourceFile, position: number): TypeScript.Node;
  findPrecedingToken(position: number, file: SourceFile): TypeScript.Node | undefined;
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: TypeScript.TypeChecker,
      symbol: TypeScript.Symbol,
      file: SourceFile,
      enclosing: TypeScript.Node,
      location: TypeScript.Node,
    ): { readonly displayParts: TypeScript.SymbolDisplayPart[] };
  };
  Completions: {
    getCompletionsAtPosition(
      host: object,
      program: TypeScript.Program,
      log: () => void,
      file: SourceFile,
      position: number,
      preferences: TypeScript.UserPreferences,
      trigger: undefined,
      kind: TypeScript.CompletionTriggerKind,
      cancel: TypeScript.CancellationToken,
    ): TypeScript.CompletionInfo | undefined;
  };
};

/** A source file as the binder leaves it. */
type BoundFile = SourceFile & {
  locals?: ReadonlyMap<TypeScript.__String, TypeScript.Symbol>;
  imports?: readonly TypeScript.StringLiteralLike[];
  externalModuleIndicator?: unknown;
  readonly parseDiagnostics: readonly TypeScript.DiagnosticWithLocation[];
};

type Resolving = TypeScript.Program & {
  getResolvedModule(file: SourceFile, name: string, mode: unknown): Resolved | undefined;
};

let compiler: Internals | undefined;

/** Gives the compiler where there is no Node to load it. */
export function giveTypeScript(ts: typeof TypeScript): void {
  compiler = ts as Internals;
}

function load(): Internals {
  // Asked of the process and not imported, so that a browser can load this file.
  compiler ??= process.getBuiltinModule("node:module").createRequire(import.meta.url)("typescript") as Internals;
  return compiler;
}

/** TypeScript's compiler, loaded on first use because that alone takes 0.2 s. */
export const loadTypeScript = (): typeof TypeScript => load();

/** Names to symbols, as the compiler keeps them. */
type SymbolNames = ReadonlyMap<TypeScript.__String, TypeScript.Symbol>;

/** A file by itself, parsed and no more. */
export const parse = (code: string, name: string): SourceFile =>
  load().createSourceFile(name, code, load().ScriptTarget.ESNext, true);

/** A module that belongs to no program, parsed and bound, inside of another one if `around` is given. */
export function moduleFile(
  name: string,
  code: string,
  options: TypeScript.CompilerOptions,
  around?: SourceFile,
): SourceFile {
  const ts = load();
  const setExternalModuleIndicator = (made: SourceFile) => {
    (made as BoundFile).externalModuleIndicator ??= true;
  };
  const parsing = { languageVersion: ts.ScriptTarget.ESNext, jsDocParsingMode: ts.JSDocParsingMode.ParseNone };
  const file = ts.createSourceFile(name, code, { ...parsing, setExternalModuleIndicator }, true);
  // What a program does with each of its files; and where to look for names that are not its own.
  Object.assign(file, { path: name, resolvedPath: name, originalFileName: name, parent: around });
  ts.bindSourceFile(file, options);
  return file;
}

/** A file without text that declares these names, inside of another one if `around` is given. */
export function scopeFile(names: SymbolNames, options: TypeScript.CompilerOptions, around?: SourceFile): SourceFile {
  return Object.assign(moduleFile("scope.ts", "", options, around), { locals: names });
}

/** What a bound file declares at its top level. */
export const localsOf = (file: SourceFile): SymbolNames => (file as BoundFile).locals ?? new Map();

/** Mistakes in the syntax of a file that belongs to no program. */
export const syntaxErrors = (file: SourceFile): readonly TypeScript.DiagnosticWithLocation[] =>
  (file as BoundFile).parseDiagnostics;

/** Says what a file imports that belongs to no program; a program finds it out for its own files. */
export const setImports = (file: SourceFile, imports: readonly TypeScript.StringLiteral[]): void =>
  void Object.assign(file, { imports });

/** Lets a program ask `find` first what an import leads to: the type checker asks the program, also for other files. */
export function resolveImportsBy(
  program: TypeScript.Program,
  find: (file: SourceFile, name: string) => Resolved | undefined,
): void {
  const resolving = program as Resolving;
  const members = resolving.getResolvedModule;
  resolving.getResolvedModule = (file, name, mode) => find(file, name) ?? members(file, name, mode);
}

/** Where the imports of a program's file that lead nowhere were looked for. */
export function failedLookups(file: SourceFile, program: TypeScript.Program): string[] {
  return ((file as BoundFile).imports ?? []).flatMap((name) => {
    const mode = program.getModeForUsageLocation(file, name);
    const found = (program as Resolving).getResolvedModule(file, name.text, mode);
    if (found === undefined || found.resolvedModule !== undefined) return [];
    return (found as { readonly failedLookupLocations?: readonly string[] }).failedLookupLocations ?? [];
  });
}

/** What fits at a place of a file that need not belong to the program. */
export function completionsAt(
  file: SourceFile,
  offset: number,
  program: TypeScript.Program,
  host: TypeScript.CompilerHost,
): TypeScript.CompletionInfo | undefined {
  const ts = load();
  const never = { isCancellationRequested: () => false, throwIfCancellationRequested: () => {} };
  const kind = ts.CompletionTriggerKind.Invoked;
  // With their endings, without which Node finds no file.
  const wishes = { importModuleSpecifierEnding: "js" } as const;
  const asked = [file, offset, wishes, undefined, kind, never] as const;
  const service = { ...host, getCompilationSettings: () => program.getCompilerOptions() };
  return ts.Completions.getCompletionsAtPosition(service, program, () => {}, ...asked);
}

/** The name or word at a place, and the one before it. */
export function tokensAt(file: SourceFile, offset: number): [TypeScript.Node, TypeScript.Node] {
  const ts = load();
  return [ts.getTouchingPropertyName(file, offset), ts.findPrecedingToken(offset, file) ?? file];
}

/** What a symbol is and which type it has, as an editor shows it. */
export function describeSymbol(
  symbol: TypeScript.Symbol,
  node: TypeScript.Node,
  checker: TypeScript.TypeChecker,
): string {
  const ts = load();
  const describe = ts.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind;
  return ts.displayPartsToString(describe(checker, symbol, node.getSourceFile(), node, node).displayParts);
}
