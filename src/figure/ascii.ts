/**
 * Words in plain mail: ASCII only, in lines of bounded length, and nothing lost without a sign.
 */

/** Longest line that plain mail keeps whole, by the custom of kernel mailing lists. */
export const LINE = 72;

const REPLACEMENTS: Readonly<Record<string, string>> = {
  "\u00a0": " ",
  "\u00b1": "+-",
  "\u00b5": "u",
  "\u00d7": "x",
  "\u00df": "ss",
  "\u03bc": "u",
  "\u2013": "-",
  "\u2014": "-",
  "\u2018": "'",
  "\u2019": "'",
  "\u201c": '"',
  "\u201d": '"',
  "\u2026": "...",
  "\u2190": "<-",
  "\u2192": "->",
  "\u2212": "-",
  "\u2260": "!=",
  "\u2264": "<=",
  "\u2265": ">=",
};

/** The text in one line of printable ASCII. A character without a usual spelling is written as `\u{...}`. */
export function ascii(text: string): string {
  const plain = [...text.normalize("NFC")].map((c) => (c >= " " && c <= "~" ? c : spelled(c))).join("");
  return plain.replace(/ +/g, " ").trim();
}

function spelled(character: string): string {
  if (/\s/.test(character)) return " ";
  const replaced = REPLACEMENTS[character];
  if (replaced !== undefined) return replaced;
  const base = character.normalize("NFKD").replace(/\p{M}/gu, "");
  return /^[ -~]+$/.test(base) ? base : `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** Lines of at most `width` characters, the later ones indented. Breaks at spaces, and inside a word that is too long. */
export function wrap(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((w) => pieces(w, width - indent.length))) {
    if (line.trim() === "") line += word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  const parts: string[] = [];
  for (let rest = word; ; rest = rest.slice(width)) {
    parts.push(rest.slice(0, width));
    if (rest.length <= width) return parts;
  }
}
