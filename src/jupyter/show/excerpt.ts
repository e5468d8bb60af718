/**
 * Declarations of the simulator's sources as a notebook shows them, one alone or rivals beside each other, from a list of what
 * each file declares. Who makes that list needs a compiler; who shows it does not.
 */
import { nearest, UserError } from "../../base/errors.ts";
import { DISPLAY } from "../../figure/figure.ts";

/** Text of a source file, and of each declaration in it; lines that hold code are counted of both. */
export interface SourceIndex {
  readonly whole: Part;
  readonly declarations: readonly (Part & { readonly name: string })[];
}

/** A piece of source. */
interface Part {
  readonly text: string;
  readonly codeLines: number;
}

/** Declarations cut out of one file. A notebook shows them as highlighted TypeScript. */
export interface Excerpt {
  /** The file, from `src/`. */
  readonly path: string;
  /** The declarations with their doc comments, an empty line between them. */
  readonly text: string;
  /** Lines that hold code: neither empty nor comment. */
  readonly codeLines: number;
  readonly [DISPLAY]: () => Readonly<Record<string, string>>;
}

/** The sources that excerpts are cut out of. */
export interface Sources {
  /** Paths below `src/`, in order. */
  files(): readonly string[];
  index(path: string): SourceIndex;
}

/** The named declarations of a file, or the whole file. An unknown name or file is a UserError. */
export function excerptOf(sources: Sources, path: string, names: readonly string[]): Excerpt {
  const files = sources.files();
  if (!files.includes(path)) throw unknown("source file", path, files);
  const index = sources.index(path);
  const parts = names.length === 0 ? [index.whole] : names.flatMap((name) => cut(index, path, name));
  const text = parts.map((part) => part.text).join("\n\n");
  const codeLines = parts.reduce((sum, part) => sum + part.codeLines, 0);
  return { path, text, codeLines, [DISPLAY]: () => bundle(fenced({ path, text }), text) };
}

/** A declaration of that name; overloads, and a type beside a value, are several. */
function cut({ declarations }: SourceIndex, path: string, name: string): readonly Part[] {
  const found = declarations.filter((d) => d.name === name);
  if (found.length > 0) return found;
  const names = declarations.map((d) => d.name);
  throw unknown(`name in ${path}`, name, names);
}

/** Excerpts beside each other, as many columns as there is room for. */
export function beside(excerpts: readonly Excerpt[]): object {
  const columns = excerpts.map((excerpt) => `<div>\n\n${fenced(excerpt, " wrap")}\n</div>`);
  // The site has a style for the class and takes the style away; a notebook editor has no style for the class.
  const markdown = `<div class="ptlab-beside" style="${GRID}">\n${columns.join("\n")}\n</div>\n`;
  return { [DISPLAY]: () => bundle(markdown, excerpts.map(({ path, text }) => `// ${path}\n${text}`).join("\n\n")) };
}

const GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30em),1fr));gap:1em";

const bundle = (markdown: string, text: string) => ({ "text/markdown": markdown, "text/plain": text });

/** `how` is for the site's highlighter: in a narrow column, long lines break instead of running out of sight. */
function fenced({ path, text }: Pick<Excerpt, "path" | "text">, how = ""): string {
  return `\`src/${path}\`\n\n\`\`\`\`ts${how}\n${text}\n\`\`\`\`\n`;
}

/** Files and declarations are too many to list, so only the nearest is named. */
function unknown(what: string, given: string, allowed: readonly string[]): UserError {
  const near = nearest(given, allowed) ?? allowed.find((name) => name.toLowerCase().includes(given.toLowerCase()));
  const hint = near === undefined ? `; there are ${allowed.slice(0, 12).join(", ")}` : `; did you mean ${near}?`;
  return new UserError(`unknown ${what} '${given}'${hint}`);
}
