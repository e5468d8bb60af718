/**
 * TypeScript's compiler, loaded when it is first needed, and the few of its functions that its public types leave out.
 */
import { createRequire } from "node:module";
import type * as TypeScript from "typescript";

const require = createRequire(import.meta.url);

/** TypeScript's public interface. */
type Ts = typeof TypeScript;

/** TypeScript as it really is: what its own language service is made of. */
type TsInternals = Ts & {
  bindSourceFile(file: TypeScript.SourceFile, options: TypeScript.CompilerOptions): void;
  getTouchingPropertyName(file: TypeScript.SourceFile, position: number): TypeScript.Node;
  findPrecedingToken(position: number, file: TypeScript.SourceFile): TypeScript.Node | undefined;
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: TypeScript.TypeChecker,
      symbol: TypeScript.Symbol,
      file: TypeScript.SourceFile,
      enclosing: TypeScript.Node,
      location: TypeScript.Node,
    ): Pick<TypeScript.QuickInfo, "displayParts" | "documentation" | "tags">;
  };
  Completions: {
    getCompletionsAtPosition(
      host: object,
      program: TypeScript.Program,
      log: () => void,
      file: TypeScript.SourceFile,
      position: number,
      preferences: TypeScript.UserPreferences,
      trigger: undefined,
      kind: TypeScript.CompletionTriggerKind,
      cancel: TypeScript.CancellationToken,
    ): TypeScript.CompletionInfo | undefined;
  };
};

/** Names to symbols, as the compiler keeps them. */
type SymbolTable = Map<TypeScript.__String, TypeScript.Symbol>;

/** A source file as the binder leaves it. */
export type BoundFile = TypeScript.SourceFile & {
  locals?: SymbolTable;
  /** What it imports; a program finds it out for its own files. */
  imports?: readonly TypeScript.StringLiteral[];
  externalModuleIndicator?: unknown;
  readonly parseDiagnostics: readonly TypeScript.DiagnosticWithLocation[];
};

/** TypeScript's compiler, loaded on first use because that alone takes 0.2 s. */
export const loadTypeScript = (): TsInternals => require("typescript") as TsInternals;
