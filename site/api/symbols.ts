/**
 * What notebooks can import, read from the sources by TypeScript: each exported name with its doc comment, where it is
 * declared, and its declaration, in which the names of other exports are known.
 */
import { dirname, resolve } from "node:path";
import type { SourceFile, Statement, Symbol as TsSymbol, TypeChecker } from "typescript";
import { loadTypeScript } from "../../src/jupyter/cells/typescript.ts";
import { PROJECT_MODULES, PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import type { Declarations } from "../types/declarations.ts";
import { linked, type Piece } from "./pieces.ts";

/** An exported name. */
export interface ApiSymbol {
  readonly name: string;
  /** What to import it from. */
  readonly module: string;
  /** The file that declares it, from the project's root, and its line there. */
  readonly file: string;
  readonly line: number;
  readonly docs: string;
  readonly declaration: readonly Piece[];
}

/** A source file that exports something to notebooks. */
export interface ApiFile {
  readonly file: string;
  /** The comment at its head. */
  readonly docs: string;
  /** In the order in which they are declared. */
  readonly symbols: readonly ApiSymbol[];
}

/** Everything that notebooks can import, by the file that declares it. */
export function apiFiles({ program, texts }: Declarations): readonly ApiFile[] {
  const checker = program.getTypeChecker();
  const found = new Map<string, Found>();
  for (const [module, path] of Object.entries(PROJECT_MODULES))
    for (const one of exportsOf(module, program.getSourceFile(path)!, checker))
      if (!found.has(one.key)) found.set(one.key, one);
  const addresses = new Map([...found.values()].map(({ key, file, name }) => [key, symbolAddress(file, name)]));
  const files = Object.entries(Object.groupBy(found.values(), ({ file }) => file));
  return files.sort().map(([file, all]) => ({
    file,
    docs: headOf(program.getSourceFile(`${PROJECT_ROOT}/${file}`)!),
    symbols: symbolsOf(file, all!, texts, addresses),
  }));
}

/** Where a name is told, below the folder of the API pages. */
export const symbolAddress = (file: string, name: string): string => `${folderOf(file)}/#${name}`;

/** The folder of `src/` that a source file is in. */
export const folderOf = (file: string): string => dirname(file).replace(/^src\//, "");

/** An exported name before its declaration is known; `own` is what its file calls it. */
type Found = Omit<ApiSymbol, "declaration"> & { readonly own: string; readonly key: string };

function exportsOf(module: string, index: SourceFile, checker: TypeChecker): Found[] {
  const ts = loadTypeScript();
  return checker.getExportsOfModule(checker.getSymbolAtLocation(index)!).map((symbol: TsSymbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const node = target.declarations![0]!;
    const source = node.getSourceFile();
    const file = source.fileName.slice(PROJECT_ROOT.length + 1);
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    const docs = ts.displayPartsToString(target.getDocumentationComment(checker));
    return { name: symbol.name, own: target.name, key: `${file}#${target.name}`, module, file, line, docs };
  });
}

function symbolsOf(
  file: string,
  found: readonly Found[],
  texts: Declarations["texts"],
  addresses: ReadonlyMap<string, string>,
): ApiSymbol[] {
  const ts = loadTypeScript();
  const path = file.replace(/\.ts$/, ".d.ts");
  const declared = ts.createSourceFile(path, texts[path]!, ts.ScriptTarget.ESNext, true);
  const addressOf = namesOf(declared, file, addresses);
  return found
    .toSorted((a, b) => a.line - b.line)
    .map(({ own, key, ...rest }) => {
      const statements = declared.statements.filter((statement) => declares(statement, own));
      const pieces = statements.map((statement) => linked(statement, addressOf));
      return { ...rest, declaration: pieces.flatMap((piece, i) => (i === 0 ? piece : [["\n"] as const, ...piece])) };
    });
}

function declares(statement: Statement, name: string): boolean {
  const ts = loadTypeScript();
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.some((one) => one.name.getText() === name);
  return "name" in statement && (statement.name as { text?: string } | undefined)?.text === name;
}

/** The addresses of the names that a file uses: its own exports, and what it imports from other files. */
function namesOf(declared: SourceFile, file: string, addresses: ReadonlyMap<string, string>) {
  const ts = loadTypeScript();
  const imported = new Map<string, string>();
  for (const statement of declared.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    const from = pathFrom(file, statement.moduleSpecifier.text);
    for (const { name, propertyName } of bindings.elements)
      imported.set(name.text, `${from}#${(propertyName ?? name).text}`);
  }
  return (name: string, specifier?: string): string | undefined =>
    addresses.get(
      specifier === undefined ? (imported.get(name) ?? `${file}#${name}`) : `${pathFrom(file, specifier)}#${name}`,
    );
}

const pathFrom = (file: string, specifier: string): string =>
  resolve(PROJECT_ROOT, dirname(file), specifier).slice(PROJECT_ROOT.length + 1);

/** The text of the comment with which a file begins. */
function headOf({ text }: SourceFile): string {
  const [, comment = ""] = /^\s*\/\*\*([\s\S]*?)\*\//.exec(text) ?? [];
  return comment.replace(/^[ \t]*\*[ \t]?/gm, "").trim();
}
