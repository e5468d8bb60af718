/**
 * What a cell's tokens say about how its types can be taken away.
 */
import { getFormattedTokens } from "sucrase";

/** A token of TypeScript; lines count from one. */
interface Token {
  readonly line: number;
  readonly lastLine: number;
  /** A word or sign of the language, or what kind of token it is. */
  readonly label: string;
  /** Its text, cut short where it is long. */
  readonly text: string;
  /** It is part of a type, or of a declaration that only types have. */
  readonly isType: boolean;
}

/** What a cell has in it. */
export interface Marks {
  readonly hasEnum: boolean;
  /** Only the TypeScript compiler writes it rightly. What only looks so costs time and is right too. */
  readonly needsCompiler: boolean;
}

/** The marks of a cell. Throws what the parser throws about wrong syntax. */
export function marksOf(code: string): Marks {
  const tokens = tokensOf(code);
  const isWritten = (_: Token, i: number): boolean =>
    isNamespace(tokens, i) || isAlias(tokens, i) || isProperty(tokens, i) || isUnended(tokens, i);
  return {
    hasEnum: tokens.some(({ label }) => label === "enum"),
    needsCompiler: tokens.some(({ label }) => label === "@") || tokens.some(isWritten),
  };
}

/** A row of sucrase's table of tokens, which is all that it shows of them. */
const ROW = /^(\d+):\d+-(\d+):\d+ +(\S+) +(\S*)/;

function tokensOf(code: string): Token[] {
  const rows = getFormattedTokens(code, { transforms: ["typescript"] }).split("\n");
  // A token of several lines breaks its row: what is not the begin of one has nothing to say.
  return rows.flatMap((row) => {
    const [, line, lastLine, label, text] = ROW.exec(row) ?? [];
    if (label === undefined || text === undefined) return [];
    return [{ line: Number(line), lastLine: Number(lastLine), label, text, isType: /\bisType\b/.test(row) }];
  });
}

/** Sucrase drops a namespace without a word. */
const isNamespace = (tokens: readonly Token[], i: number): boolean =>
  tokens[i]!.isType &&
  /^(namespace|module)$/.test(tokens[i]!.text) &&
  tokens[i + 1]?.label === "name" &&
  tokens[i - 1]?.text !== "declare";

/** `import A = N.b` is left as it is. */
const isAlias = (tokens: readonly Token[], i: number): boolean =>
  tokens[i]!.label === "import" && tokens[i + 2]?.label === "=";

/** A parameter that is a property gets its value in time, but is made after the other fields. */
function isProperty(tokens: readonly Token[], i: number): boolean {
  if (tokens[i]!.text !== "constructor" || tokens[i + 1]?.label !== "(") return false;
  const body = tokens.findIndex(({ label }, j) => j > i && label === "{");
  return tokens.slice(i, body).some(({ label }) => MODIFIER.test(label));
}

const MODIFIER = /^(public|private|protected|readonly|override|abstract|declare)$/;

/** A type was the end of a statement that its next line, without the type, goes on with; Node's stripper puts a semicolon there. */
function isUnended(tokens: readonly Token[], i: number): boolean {
  if (isErased(tokens, i) || !isErased(tokens, i - 1)) return false;
  const before = tokens.findLast((_, j) => j < i && !isErased(tokens, j));
  if (before === undefined || before.lastLine === tokens[i]!.line) return false;
  return GOES_ON.test(tokens[i]!.label) || TAKES_NEXT.test(before.text);
}

const GOES_ON = /^([[(`/+*-]|regexp)/;

/** Words that are a field of a class where they end the statement. */
const TAKES_NEXT = /^(get|set|static|async|accessor)$/;

const isErased = (tokens: readonly Token[], i: number): boolean =>
  tokens[i] !== undefined && (tokens[i].isType || MODIFIER.test(tokens[i].label) || isOfTypeModule(tokens, i));

/** The end of `import type { A } from "b"` or `export type { A }`. */
function isOfTypeModule(tokens: readonly Token[], i: number): boolean {
  if (!/^(string|\})$/.test(tokens[i]!.label)) return false;
  const first = tokens.findLastIndex(({ label }, j) => j < i && /^(import|export)$/.test(label));
  return first >= 0 && tokens[first + 1]!.text === "type";
}
