/**
 * What an editor asks while one types: completion, documentation, and whether a cell is complete. The protocol counts
 * positions in code points, the type program in UTF-16 units.
 */
import type { Exchange, Handlers, SessionSlot } from "./kernel.ts";
import { inquiryOf } from "./pager.ts";

/** Answers `complete_request`, `inspect_request` and `is_complete_request`. */
export function introspectionHandlers(slot: SessionSlot): Handlers {
  return {
    async complete_request({ content }) {
      const { code, offset } = place(content);
      const { start, end, matches, kinds } = await slot.current().complete(code, offset);
      const span = { start: toCodePoints(code, start), end: toCodePoints(code, end) };
      const types = matches.map((text, i) => ({ ...span, text, type: jupyterType(kinds[i]!) }));
      const metadata = { _jupyter_types_experimental: types };
      return { status: "ok", matches, cursor_start: span.start, cursor_end: span.end, metadata };
    },
    async inspect_request({ content }) {
      const { code, offset } = place(content);
      const text = await slot.current().inspect(code, offset, content.detail_level === 1);
      const data = text === undefined ? {} : { "text/plain": text };
      return { status: "ok", found: text !== undefined, data, metadata: {} };
    },
    is_complete_request({ content }) {
      const code = String(content.code ?? "");
      return inquiryOf(code) === undefined ? slot.current().completeness(code) : { status: "complete" };
    },
  };
}

/** What front ends have a sign for, by what TypeScript calls it. */
const JUPYTER_TYPES: Readonly<Record<string, readonly string[]>> = {
  function: ["function", "local function", "method", "constructor", "call"],
  class: ["class", "local class", "interface", "type", "enum", "type parameter"],
  property: ["property", "getter", "setter", "accessor", "enum member", "string"],
  module: ["module", "external module name", "script"],
  param: ["parameter"],
  keyword: ["keyword", "primitive type"],
  path: ["directory"],
};

/** Variables and whatever is left are instances, as Python's kernel says. */
const jupyterType = (kind: string): string =>
  Object.keys(JUPYTER_TYPES).find((type) => JUPYTER_TYPES[type]!.includes(kind)) ?? "instance";

function place(content: Exchange["content"]): { code: string; offset: number } {
  const code = String(content.code ?? "");
  const position = typeof content.cursor_pos === "number" ? content.cursor_pos : Number.POSITIVE_INFINITY;
  return { code, offset: toUtf16(code, position) };
}

/** The UTF-16 offset of a position that is counted in code points. */
const toUtf16 = (text: string, position: number): number => [...text].slice(0, position).join("").length;

/** The number of code points before a UTF-16 offset. */
const toCodePoints = (text: string, offset: number): number => [...text.slice(0, offset)].length;
