/**
 * What a cell sees of the cells before it: for each name the newest declaration, as if the cell were a block inside of
 * them. A name can mean a value, a type and a namespace, and a new declaration hides an old one only in what it means
 * itself: `const Point` leaves the interface `Point` of an earlier cell alone.
 */
import type * as TypeScript from "typescript";
import { loadTypeScript, localsOf, scopeFile } from "./typescript.ts";

/** The names of all cells so far. */
export interface CellScope {
  /** What stands around the next cell; a cell that was bound keeps the scope it was given. */
  current(): TypeScript.SourceFile | undefined;
  /** Adds what a bound cell declares at its top level. */
  add(file: TypeScript.SourceFile, checker: TypeScript.TypeChecker): void;
}

/** Symbols of one name, the newest first; each means something that no newer one does. */
type Layers = Map<TypeScript.__String, readonly TypeScript.Symbol[]>;

/** A scope without names. `options` are those of the cells. */
export function newScope(options: TypeScript.CompilerOptions): CellScope {
  const names: Layers = new Map();
  let current: TypeScript.SourceFile | undefined;
  return {
    current: () => current,
    add(file, checker) {
      const locals = localsOf(file);
      if (locals.size === 0) return;
      for (const [name, symbol] of locals) names.set(name, visible([symbol, ...(names.get(name) ?? [])], checker));
      current = nested(names, options);
    },
  };
}

function visible(symbols: readonly TypeScript.Symbol[], checker: TypeScript.TypeChecker): TypeScript.Symbol[] {
  let covered = 0;
  return symbols.filter((symbol) => {
    const meaning = meaningOf(symbol, checker);
    const isNew = (meaning & ~covered) !== 0;
    covered |= meaning;
    return isNew;
  });
}

function meaningOf(symbol: TypeScript.Symbol, checker: TypeScript.TypeChecker): number {
  const { SymbolFlags } = loadTypeScript();
  const all = SymbolFlags.Value | SymbolFlags.Type | SymbolFlags.Namespace;
  const target = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  // An import that was not found means whatever it is used for.
  return target.flags & all || all;
}

/** Files without text around one another, for the compiler looks names up from the inside out; the innermost is returned. */
function nested(names: Layers, options: TypeScript.CompilerOptions): TypeScript.SourceFile {
  const depth = Math.max(...[...names.values()].map((symbols) => symbols.length));
  let outer: TypeScript.SourceFile | undefined;
  for (let layer = depth - 1; layer >= 0; layer--) {
    const declared = [...names].flatMap(([name, symbols]) => (symbols[layer] ? [[name, symbols[layer]] as const] : []));
    outer = scopeFile(new Map(declared), options, outer);
  }
  return outer!;
}
