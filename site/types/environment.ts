/**
 * Makes the type environment of cells that are edited in a page: every file that their type check may read, found by
 * letting the kernel's check run and noting what it reads. Of the project's own sources there are the declarations: a
 * quarter of the weight, and all that a cell can see of them.
 */
import type { CompilerHost, CompilerOptions, Node, SourceFile } from "typescript";
import { createChecker } from "../../src/jupyter/cells/checker.ts";
import { onDisk } from "../../src/jupyter/cells/on-disk.ts";
import type { CellPlace } from "../../src/jupyter/cells/place.ts";
import { loadTypeScript } from "../../src/jupyter/cells/typescript.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { ARCHIVE_MODULES, ARCHIVE_ROOT, type Archive } from "./archive.ts";
import type { Declarations } from "./declarations.ts";

/** Packages that a cell may import in a page, beside those that the project's declarations name. */
const PACKAGES = [...Object.keys(ARCHIVE_MODULES), "@observablehq/plot", "fflate"];

/** All files that the check of a cell may read; `texts` are those of the project's declarations. Takes a second. */
export function typeEnvironment(texts: Declarations["texts"]): Archive {
  const read = new Map<string, string>();
  const checker = createChecker(noting(declared(texts), read));
  const { problems } = checker.check(PACKAGES.map((name) => `import ${JSON.stringify(name)};`).join("\n"));
  if (problems.length > 0) throw new Error(`the type environment: ${problems[0]!.message}`);
  const entries = [...read].map(([path, text]) => [inside(path), isOwn(path) ? text : withoutComments(path, text)]);
  return Object.fromEntries(entries);
}

const inside = (path: string): string => path.replace(PROJECT_ROOT, ARCHIVE_ROOT);
const inProject = (path: string): string => path.slice(PROJECT_ROOT.length + 1);
const isOwn = (path: string): boolean => path.startsWith(`${PROJECT_ROOT}/src/`);

/** The disk, but with declarations in place of the project's sources. */
function declared(texts: Declarations["texts"]): CellPlace {
  const disk = onDisk(`${PROJECT_ROOT}/notebooks`);
  const host = (options: CompilerOptions): CompilerHost => {
    const base = disk.host(options);
    const { fileExists, readFile } = base;
    // Into the same object: its other methods read by way of these.
    return Object.assign(base, {
      fileExists: (path: string) => (isOwn(path) ? inProject(path) in texts : fileExists(path)),
      readFile: (path: string) => (isOwn(path) ? texts[inProject(path)] : readFile(path)),
    });
  };
  const modules = Object.entries(ARCHIVE_MODULES).map(([name, path]) => [
    name,
    path.replace(ARCHIVE_ROOT, PROJECT_ROOT),
  ]);
  return { ...disk, modules: Object.fromEntries(modules), host };
}

/** A place that puts what is read there into `read`. */
function noting(place: CellPlace, read: Map<string, string>): CellPlace {
  const host = (options: CompilerOptions): CompilerHost => {
    const base = place.host(options);
    const { readFile } = base;
    return Object.assign(base, {
      readFile(path: string) {
        const text = readFile(path);
        if (text !== undefined) read.set(path, text);
        return text;
      },
    });
  };
  return { ...place, host };
}

/** A declaration file without its comments, which are most of it; directives stay. */
function withoutComments(path: string, text: string): string {
  if (!path.endsWith(".d.ts")) return text;
  const ts = loadTypeScript();
  const comments = commentsOf(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext));
  let [kept, from] = ["", 0];
  for (const [start, end] of comments) {
    if (start < from || text.startsWith("///", start)) continue;
    kept += text.slice(from, start);
    from = end;
  }
  return (kept + text.slice(from)).replace(/[ \t]+$/gm, "").replace(/\n{2,}/g, "\n");
}

/** Where comments in front of statements, members and other nodes are, in their order. */
function commentsOf(file: SourceFile): [start: number, end: number][] {
  const ts = loadTypeScript();
  const found = new Map<number, number>();
  const visit = (node: Node): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(file.text, node.pos) ?? []) found.set(pos, end);
    ts.forEachChild(node, visit);
  };
  visit(file);
  visit(file.endOfFileToken);
  return [...found].sort(([a], [b]) => a - b);
}
