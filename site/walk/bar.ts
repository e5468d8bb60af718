// The bar by which a reader steps through a walk, as HTML: made at build time, and its slots again after each walk.
import { attributes, escapeHtml } from "../../src/notebook/render/html.ts";

/** One slot that is read, as the data table tells it: `PGD[254]`, chosen by the bits `47-39`. */
export interface SlotRow {
  readonly slot: string;
  readonly bits: string;
}

/** The part of an address that a row's bits are. */
function partOf({ slot, bits }: SlotRow): { name: string; index: number; high: number; low: number } | undefined {
  const [, name, index] = /^(\w+)\[(\d+)\]$/.exec(slot) ?? [];
  const [high, low] = bits.split("-").map(Number);
  return name === undefined ? undefined : { name, index: Number(index), high: high!, low: low! };
}

/** An input for each slot: its arrow keys go from slot to slot. */
export function slotInputs(rows: readonly SlotRow[]): string {
  return rows
    .flatMap((row) => partOf(row) ?? [])
    .map(({ name, index, high, low }) => {
      const input = {
        type: "number",
        min: 0,
        max: 2 ** (high - low + 1) - 1,
        value: index,
        "data-low": low,
        "data-high": high,
      };
      return `<label>${escapeHtml(name)} <input${attributes(input)}></label>`;
    })
    .join("");
}

/** The sentences of a walk as items of a list. */
export const wordItems = (words: readonly string[]): string =>
  words.map((text) => `<li>${escapeHtml(text)}</li>`).join("");

/** Buttons, what the present step says, and the slots. */
export const walkBar = (rows: readonly SlotRow[]): string =>
  `<div class="ptlab-walk-bar not-content" role="group" aria-label="Step through the walk">` +
  `<div class="ptlab-walk-buttons">${BUTTONS.map(([action, label]) => `<button type="button" data-walk="${action}" disabled>${label}</button>`).join("")}` +
  `<span class="ptlab-walk-slots" role="group" aria-label="Slots that are read">${slotInputs(rows)}</span></div>` +
  `<p class="ptlab-walk-words" role="status" aria-live="polite">Step through the walk with the buttons, or with the arrow keys while one of them has the focus.</p></div>`;

const BUTTONS = [
  ["back", "Back"],
  ["play", "Play"],
  ["on", "Step"],
  ["all", "Show all"],
] as const;
