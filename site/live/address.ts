/**
 * Parameters of figures in the address of their page: `?figure-3.arch=arm64-4k&figure-3.tlb=512#figure-3`. Only values
 * that differ from the stored ones stand there, so that an address is as short as what was changed.
 */
import { oneOf, UserError } from "../../src/base/errors.ts";
import type { LiveParams } from "../../src/figure/live.ts";

/** Most characters of a query that is written or read: common servers refuse request lines of more than 8 kB. */
export const MOST_QUERY = 7000;
/** Names, and values that are not a text to run, are not longer than this; what is longer is not repeated in a message. */
const MOST_WORD = 80;

const FIGURE_KEY = /^figure-(\d+)\./;

/** The values that differ from the stored ones. */
export function changedParams(stored: LiveParams, shown: LiveParams): LiveParams {
  return Object.fromEntries(Object.entries(shown).filter(([name, value]) => value !== stored[name]));
}

/**
 * The query with these values of one figure in the place of those that it had, figures in their order on the page. What
 * belongs to no figure comes first and stays as it is. Empty if nothing is left.
 */
export function withParams(query: string, figure: string, params: LiveParams): string {
  const others = [...new URLSearchParams(query)].filter(([key]) => !key.startsWith(`${figure}.`));
  const own = Object.entries(params).map(([name, value]) => [`${figure}.${name}`, String(value)]);
  const all = [...others, ...own].sort(([a], [b]) => figureNumber(a!) - figureNumber(b!));
  const text = new URLSearchParams(all).toString();
  return text === "" ? "" : `?${text}`;
}

const figureNumber = (key: string): number => Number(FIGURE_KEY.exec(key)?.[1] ?? -1);

/** The figures that a query gives values for, `figure-3` and the like, once each. */
export function figuresIn(query: string): readonly string[] {
  const keys = [...new URLSearchParams(query).keys()].filter((key) => FIGURE_KEY.test(key));
  return [...new Set(keys.map((key) => key.slice(0, key.indexOf("."))))];
}

/**
 * What a query says of one figure, each value of the type that the stored one has. Whether a value is allowed is for the
 * live figure to say; a name that there is not, a value of another type or given twice, or too much is a `UserError`.
 */
export function paramsIn(query: string, figure: string, stored: LiveParams): LiveParams {
  const mine = [...new URLSearchParams(query)].filter(([key]) => key.startsWith(`${figure}.`));
  if (mine.length > 0 && query.length > MOST_QUERY)
    throw new UserError(`${query.length} characters: at most ${MOST_QUERY} are read`);
  const found = new Map<string, LiveParams[string]>();
  for (const [key, text] of mine) {
    const name = oneOf("parameter", short(key.slice(figure.length + 1)), Object.keys(stored));
    if (found.has(name)) throw new UserError(`${name} is given twice`);
    found.set(name, typed(name, text, stored[name]!));
  }
  return Object.fromEntries(found);
}

function typed(name: string, text: string, stored: LiveParams[string]): LiveParams[string] {
  if (typeof stored === "string") return text;
  if (typeof stored === "boolean") return oneOf(name, short(text), ["true", "false"]) === "true";
  if (!/^-?\d+(\.\d+)?(e[-+]?\d+)?$/.test(text))
    throw new UserError(`bad ${name} '${short(text)}': a number is allowed`);
  return Number(text);
}

/** Long text cut, for a message that must stay one line. */
export const short = (text: string): string => (text.length <= MOST_WORD ? text : `${text.slice(0, MOST_WORD)}…`);
