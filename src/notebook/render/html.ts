/**
 * Small pieces of HTML that the page renderer is made of.
 */

const ENTITY: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text made safe inside an element or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITY[c]!);

/** An element's attributes, with a leading space each; undefined ones are left out, `true` has no value. */
export function attributes(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escapeHtml(String(value))}"`))
    .join("");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what this looks for
const ANSI = /\x1b\[[0-9;?]*[ -/]*[@-~]/g;

/** Console text without the escape sequences that colour it on a terminal. */
export const withoutAnsi = (text: string): string => text.replace(ANSI, "");
