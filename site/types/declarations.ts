/**
 * The declarations of what cells import from the project, and the program that they come from.
 */
import type { CompilerOptions, Program } from "typescript";
import { loadTypeScript } from "../../src/jupyter/cells/typescript.ts";
import { PROJECT_MODULES, PROJECT_ROOT } from "../../src/jupyter/paths.ts";

/** The sources, and the text of each one's declaration file by the path of that from the project's root. */
export interface Declarations {
  readonly program: Program;
  readonly texts: Readonly<Record<string, string>>;
}

/** Takes seconds. Unchecked: the project's own check is for that. */
export function declarations(): Declarations {
  const ts = loadTypeScript();
  const options: CompilerOptions = {
    ...{ target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.ESNext, strict: true, types: ["node"] },
    ...{ moduleResolution: ts.ModuleResolutionKind.Bundler, allowImportingTsExtensions: true, resolveJsonModule: true },
    ...{ declaration: true, emitDeclarationOnly: true, noCheck: true, skipLibCheck: true },
  };
  const texts: Record<string, string> = {};
  const program = ts.createProgram(Object.values(PROJECT_MODULES), options);
  program.emit(undefined, (path, text) => {
    texts[path.slice(PROJECT_ROOT.length + 1)] = text;
  });
  return { program, texts };
}
