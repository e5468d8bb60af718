/**
 * Collects what a cell puts out while it runs, by the rules of the Jupyter protocol: neighbouring pieces of one stream
 * are one output, `clear_output` takes effect at once or at the next output, and a display can be replaced later, also
 * by a later cell.
 */
import { BrokenInvariant, invariant } from "../base/errors.ts";
import { kept } from "../base/kept.ts";
import { type JsonObject, type MimeBundle, type NbOutput, readOutput } from "./format.ts";

/** One thing that a running cell does to the outputs. `displayId` names a display that may be replaced later. */
export type OutputEvent =
  | { readonly type: "output"; readonly output: NbOutput; readonly displayId?: string }
  | {
      readonly type: "update";
      readonly displayId: string;
      readonly data: MimeBundle;
      readonly metadata: JsonObject;
    }
  | { readonly type: "clear"; readonly wait: boolean };

/** The outputs of all cells of one run. Cells are named by index. */
export interface OutputLog {
  apply(cell: number, event: OutputEvent): void;
  of(cell: number): readonly NbOutput[];
}

interface Slot {
  output: NbOutput;
  readonly displayId?: string;
}

/** An empty log. */
export function outputLog(): OutputLog {
  const cells = new Map<number, { slots: Slot[]; clearAtNext: boolean }>();
  const at = (cell: number) => kept(cells, cell, () => ({ slots: [], clearAtNext: false }));
  const clear = (cell: number, wait: boolean) => {
    const state = at(cell);
    if (wait) state.clearAtNext = true;
    else state.slots = [];
  };
  const add = (cell: number, slot: Slot) => {
    const state = at(cell);
    if (state.clearAtNext) state.slots = [];
    state.clearAtNext = false;
    append(state.slots, slot);
  };
  const update = (displayId: string, shown: Shown) => {
    for (const { slots } of cells.values())
      for (const slot of slots) if (slot.displayId === displayId) slot.output = replaced(slot.output, shown);
  };
  return {
    apply(cell, event) {
      if (event.type === "clear") clear(cell, event.wait);
      else if (event.type === "update") update(event.displayId, checked(event));
      else add(cell, { output: fromSession(event.output), displayId: event.displayId });
    },
    of: (cell) => at(cell).slots.map((slot) => slot.output),
  };
}

function append(slots: Slot[], slot: Slot): void {
  const last = slots.at(-1);
  const { output } = slot;
  if (output.output_type === "stream" && last?.output.output_type === "stream" && last.output.name === output.name)
    last.output = { ...last.output, text: last.output.text + output.text };
  else slots.push(slot);
}

interface Shown {
  readonly data: MimeBundle;
  readonly metadata: JsonObject;
}

function replaced(output: NbOutput, shown: Shown): NbOutput {
  return output.output_type === "display_data" || output.output_type === "execute_result"
    ? { ...output, ...shown }
    : output;
}

/** What a session hands over is held to the rules of a file, because it becomes one. */
function fromSession(output: unknown): NbOutput {
  return readOutput(output, "output", (place, what) => {
    throw new BrokenInvariant(`a session gave a bad ${place}: ${what}`);
  });
}

function checked({ data, metadata }: Extract<OutputEvent, { type: "update" }>): Shown {
  const output = fromSession({ output_type: "display_data", data, metadata });
  invariant(output.output_type === "display_data", "a display stays one");
  return { data: output.data, metadata: output.metadata };
}
