/**
 * What an editor asks while one types: completion, documentation, and whether a cell is complete. The protocol counts
 * positions in code points, the type program in UTF-16 units.
 */
import type { Exchange, Handlers, SessionSlot } from "./kernel.ts";
import { questionOf } from "./pager.ts";

/** Answers `complete_request`, `inspect_request` and `is_complete_request`. */
export function introspectionHandlers(slot: SessionSlot): Handlers {
  return {
    async complete_request({ content }) {
      const { code, offset } = place(content);
      const found = await slot.current().complete(code, offset);
      return {
        status: "ok",
        matches: found.matches,
        cursor_start: toCodePoints(code, found.start),
        cursor_end: toCodePoints(code, found.end),
        metadata: {},
      };
    },
    async inspect_request({ content }) {
      const { code, offset } = place(content);
      const text = await slot.current().inspect(code, offset);
      const data = text === undefined ? {} : { "text/plain": text };
      return { status: "ok", found: text !== undefined, data, metadata: {} };
    },
    is_complete_request({ content }) {
      const code = String(content.code ?? "");
      return questionOf(code) === undefined ? slot.current().completeness(code) : { status: "complete" };
    },
  };
}

function place(content: Exchange["content"]): { code: string; offset: number } {
  const code = String(content.code ?? "");
  const position = typeof content.cursor_pos === "number" ? content.cursor_pos : Number.POSITIVE_INFINITY;
  return { code, offset: toUtf16(code, position) };
}

/** The UTF-16 offset of a position that is counted in code points. */
export const toUtf16 = (text: string, position: number): number => [...text].slice(0, position).join("").length;

/** The number of code points before a UTF-16 offset. */
export const toCodePoints = (text: string, offset: number): number => [...text.slice(0, offset)].length;
