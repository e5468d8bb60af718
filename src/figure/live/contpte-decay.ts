/**
 * The live figure of how contpte coverage decays under small operations.
 */
import { coverageDecay, type DecayRow } from "../../study/coverage/decay.ts";
import type { Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { lines } from "../marks.ts";

function altText(rows: readonly DecayRow[]): string {
  const last = Math.max(...rows.map((row) => row.ops));
  const ends = rows.filter((row) => row.ops === last).map((row) => `${row.wear} ${row.covered.toFixed(0)} %`);
  return `Lines of coverage against operations done. After ${last} operations: ${ends.join("; ")}.`;
}

/** Coverage against operations, one line for each kind of operation. */
export const contpteDecayLive = defineLive({
  id: coverageDecay.id,
  title: "Decay of contpte coverage",
  params: coverageDecay.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = coverageDecay.run(params, undefined, effects);
    const { policy, mib, kernel } = params;
    return {
      title: "Decay of contpte coverage",
      caption: `Coverage of ${mib} MiB mapped as ${policy} on arm64, kernel ${kernel}, after operations at random places.`,
      alt: altText(rows),
      better: "more coverage",
      columns: [
        { key: "wear", label: "operation", definition: "What is done again and again, each time at a random place." },
        { key: "ops", label: "operations done", role: "parameter", definition: "How often it has been done." },
        {
          key: "covered",
          label: "covered, %",
          basis: "counted",
          digits: 1,
          definition: "Mapped memory behind contiguous blocks or larger leaves, per cent.",
        },
      ],
      rows: rows as unknown as readonly Row[],
      origin: {
        designs: [`arm64-4k ${kernel}`, policy],
        workload: `small operations on ${mib} MiB`,
        params,
        seed: params.seed,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => ({
    ...lines(Plot, frame, { x: "ops", y: "covered", series: "wear" }),
    x: frame.axis("ops"),
    y: frame.axis("covered", { domain: [0, 100] }),
  }),
});
