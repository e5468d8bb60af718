/**
 * `import * as tslab from "tslab"` in a cell: tslab's own display object, whose output goes to the running cell.
 */
import { createRequire } from "node:module";
import type { MimeBundle } from "../../notebook/format.ts";
import { emit } from "./run.ts";

interface TslabData {
  readonly data: MimeBundle;
  readonly transient: { readonly display_id?: string };
}

const require = createRequire(import.meta.url);

/** Connects tslab's display to the running session. Call it before a cell's import of tslab. */
export function bridgeTslab(): void {
  const jupyter = require("tslab/dist/jupyter") as {
    lastWriteDisplayData: ((content: TslabData, update?: boolean) => void) | null;
  };
  jupyter.lastWriteDisplayData = ({ data, transient }, update) => {
    const displayId = transient.display_id;
    if (update && displayId !== undefined) emit({ type: "update", displayId, data, metadata: {} });
    else emit({ type: "output", output: { output_type: "display_data", data, metadata: {} }, displayId });
  };
}
