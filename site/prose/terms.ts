// The glossary's words: read from its page, and found in text.
import { numbered, slug } from "../../src/notebook/slug.ts";

/** A word of the glossary, or several that have one definition. */
export interface Term {
  /** Its anchor on the glossary's page. */
  readonly id: string;
  readonly names: readonly string[];
  /** Plain text. */
  readonly definition: string;
  /** False for words that everyday language uses as well: finding them in a text says little. */
  readonly marked: boolean;
}

/** A word in a text. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly term: Term;
}

/** The items `- **word, word**: definition` of the glossary's Markdown; those in italics are not marked in texts. */
export function parseGlossary(markdown: string): readonly Term[] {
  const taken = new Set<string>();
  return markdown.split(/^- /m).flatMap((item) => {
    const match = /^(\*\*?)([^*]+)\1: ((?:.+\n?)+)/.exec(item);
    if (match === null) return [];
    const [, stars, words, definition] = match as unknown as [string, string, string, string];
    return [termOf(taken, words, plain(definition), stars === "**")];
  });
}

function termOf(taken: Set<string>, words: string, definition: string, marked: boolean): Term {
  const names = words.split(/,\s*/);
  return { id: numbered(taken, `term-${slug(names[0]!)}`), names, definition, marked };
}

const plain = (markdown: string): string => markdown.replace(/[`*]/g, "").replace(/\s+/g, " ").trim();

/** A function that finds the marked words of a text, whole words alone, each also in the plural and at the start of a sentence. */
export function termFinder(terms: readonly Term[]): (text: string) => readonly Found[] {
  const forms = new Map<string, Term>();
  for (const term of terms.filter(({ marked }) => marked))
    for (const form of term.names.flatMap(formsOf)) forms.set(form, term);
  if (forms.size === 0) return () => [];
  const longestFirst = [...forms.keys()].sort((a, b) => b.length - a.length);
  const words = longestFirst.map((form) => form.replace(/ /g, "\\s+")).join("|");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_-])(?:${words})(?![\\p{L}\\p{N}_-])`, "gu");
  return (text) =>
    [...text.matchAll(pattern)].map((match) => ({
      start: match.index,
      end: match.index + match[0].length,
      term: forms.get(match[0].replace(/\s+/g, " "))!,
    }));
}

function formsOf(name: string): readonly string[] {
  const both = [name, plural(name)];
  // An acronym stays as it is; another word may begin a sentence.
  return /^\p{Ll}/u.test(name) ? [...both, ...both.map(capital)] : both;
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

/** What most words do. One in -f would become a verb: what leaves a list is no leaf. */
const plural = (word: string): string => (/[^aeiou]y$/.test(word) ? word.replace(/y$/, "ies") : `${word}s`);
