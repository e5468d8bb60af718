/**
 * The type program of a session. It holds the libraries and what cells import; a cell itself is no part of it but a
 * file that is checked against it, inside the scope of the cells before. So a cell costs what it is long: a program
 * that takes in each cell has to be built anew each time, which takes 20 to 100 ms.
 */
import type * as TypeScript from "typescript";
import { type FileWatch, newFileWatch } from "./file-watch.ts";
import type { CellPlace } from "./place.ts";
import { newScope } from "./scope.ts";
import { failedLookups, loadTypeScript, moduleFile, resolveImportsBy, setImports } from "./typescript.ts";

const CELL_FILE = /\/__cell\d+__\.ts$/;

/** True for the file of a cell, false for what is imported. */
export const isCellFile = ({ fileName }: TypeScript.SourceFile): boolean => CELL_FILE.test(fileName);

/** A cell as the compiler knows it, and the program to ask about it. */
export interface OpenCell {
  readonly file: TypeScript.SourceFile;
  readonly program: TypeScript.Program;
  /** Where the program reads files; an editor's questions need it too. */
  readonly host: TypeScript.CompilerHost;
}

/** Opens cells, and keeps those whose names later ones shall see. */
export interface CellProgram {
  open(code: string): OpenCell;
  keep(cell: OpenCell): void;
  /** Forgets all that was kept; what was read stays. */
  forget(): void;
}

/** A type checker remembers every cell that it has seen, also those of an editor's questions: after so many there is a new one. */
const CELLS_PER_CHECKER = 1000;

/** A program without any file has no libraries either. */
const EMPTY = "__empty__.ts";

type Resolved = TypeScript.ResolvedModuleWithFailedLookupLocations;

interface State {
  readonly options: TypeScript.CompilerOptions;
  readonly host: TypeScript.CompilerHost;
  /** Parsed files by name, as they were when they were read. */
  readonly files: Map<string, TypeScript.SourceFile | undefined>;
  readonly watch: FileWatch;
  /** What the imports of a cell lead to. */
  readonly imports: WeakMap<TypeScript.SourceFile, ReadonlyMap<string, Resolved>>;
  /** Names of files that cells import, and of cells that add to global types or to other modules. */
  readonly roots: Set<string>;
  program: TypeScript.Program;
  /** A cell among the roots that may yet turn out to be wrong. */
  onTrial?: TypeScript.SourceFile;
}

/** A program for the cells of a place. Takes most of a second. */
export function createCellProgram(place: CellPlace, options: TypeScript.CompilerOptions): CellProgram {
  const [files, watch]: [State["files"], FileWatch] = [new Map(), newFileWatch(place.stamp)];
  const roots = new Set([EMPTY]);
  files.set(EMPTY, moduleFile(EMPTY, "", options));
  const parts = { options, files, watch, imports: new WeakMap(), roots };
  const host = createHost(place, options, files, watch);
  const state: State = { ...parts, host, program: build({ ...parts, host }) };
  // The libraries are bound now and not when the first cell waits.
  state.program.getTypeChecker();
  let scope = newScope(options);
  let count = 0;
  return {
    open(code) {
      const file = moduleFile(`${place.folder}/__cell${++count}__.ts`, code, options, scope.current());
      if (count % CELLS_PER_CHECKER === 0) state.program = build(state, state.program);
      takeIn(state, file);
      return { file, program: state.program, host };
    },
    keep({ file, program }) {
      if (state.onTrial === file) state.onTrial = undefined;
      scope.add(file, program.getTypeChecker());
    },
    forget() {
      scope = newScope(options);
      const admitted = [...roots].filter((name) => CELL_FILE.test(name));
      for (const name of admitted) roots.delete(name);
      if (admitted.length > 0) state.program = build(state, state.program);
    },
  };
}

function createHost(
  place: CellPlace,
  options: TypeScript.CompilerOptions,
  files: State["files"],
  watch: FileWatch,
): TypeScript.CompilerHost {
  const ts = loadTypeScript();
  const base = place.host(options);
  return {
    ...base,
    // Comments are read where somebody asks for them: parsing those of Node's types is a third of a session's start.
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
    getCurrentDirectory: () => place.folder,
    getSourceFile(name, version) {
      if (files.has(name)) return files.get(name);
      const file = base.getSourceFile(name, version);
      files.set(name, file);
      if (isOwn(name)) watch.add(name);
      return file;
    },
  };
}

/** Packages are not edited while a session is open. */
const isOwn = (path: string): boolean => !path.includes("/node_modules/");

/** Sees to it that the program has what the cell imports, as it is on disk now. */
function takeIn(state: State, file: TypeScript.SourceFile): void {
  const edited = state.watch.changed();
  for (const name of edited) state.files.delete(name);
  const isWrong = state.onTrial !== undefined && state.roots.delete(state.onTrial.fileName);
  state.onTrial = undefined;
  const isMore = addImports(state, file);
  const addsTypes = addsToOthers(file);
  if (addsTypes) admit(state, file);
  else setImports(file, file.statements.flatMap(specifier));
  // What the old program knows of resolution may be wrong once files have come, changed or gone.
  if (edited.length > 0) state.program = build(state);
  else if (isMore || isWrong || addsTypes) state.program = build(state, state.program);
}

/** Finds what the cell imports; true if the program lacks some of it. */
function addImports({ imports, program, roots, options, host }: State, file: TypeScript.SourceFile): boolean {
  const ts = loadTypeScript();
  const names = ts.preProcessFile(file.text, true, true).importedFiles.map(({ fileName }) => fileName);
  const found = names.map((name) => [name, ts.resolveModuleName(name, file.fileName, options, host)] as const);
  imports.set(file, new Map(found));
  const lacking = found.flatMap(([, { resolvedModule }]) =>
    resolvedModule === undefined || program.getSourceFile(resolvedModule.resolvedFileName) !== undefined
      ? []
      : [resolvedModule],
  );
  // A package in plain JavaScript has no types to take in.
  const typed = lacking.filter(({ extension }) => !/^\.[cm]?js$/.test(extension));
  for (const { resolvedFileName } of typed) roots.add(resolvedFileName);
  return typed.length > 0;
}

/** True for `declare global` and `declare module "x"`, which only a member of the program can say. */
function addsToOthers(file: TypeScript.SourceFile): boolean {
  const ts = loadTypeScript();
  const isGlobal = (node: TypeScript.Node) => (node.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
  return file.statements.some((s) => ts.isModuleDeclaration(s) && (ts.isStringLiteral(s.name) || isGlobal(s)));
}

function specifier(statement: TypeScript.Statement): TypeScript.StringLiteral[] {
  const ts = loadTypeScript();
  const name = ts.isImportDeclaration(statement) ? statement.moduleSpecifier : undefined;
  return name !== undefined && ts.isStringLiteral(name) ? [name] : [];
}

function admit(state: State, file: TypeScript.SourceFile): void {
  state.onTrial = file;
  state.roots.add(file.fileName);
  state.files.set(file.fileName, file);
}

function build(
  { options, host, roots, files, watch, imports }: Omit<State, "program">,
  oldProgram?: TypeScript.Program,
): TypeScript.Program {
  const rootNames = [...roots].filter((name) => files.has(name) || host.fileExists(name));
  const program = loadTypeScript().createProgram({ rootNames, options, host, oldProgram });
  for (const file of program.getSourceFiles())
    if (isOwn(file.fileName))
      // One of these files may be written yet.
      for (const place of failedLookups(file, program)) if (isOwn(place)) watch.add(place);
  resolveImportsBy(program, (file, name) => imports.get(file)?.get(name));
  return program;
}
