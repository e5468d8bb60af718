/**
 * The live figures of how contpte coverage decays under small operations, and where.
 */
import { coverageDecay, coverageDecayMap, type DecayMapRow, type DecayRow } from "../../study/coverage/decay.ts";
import type { ParamsOf } from "../../study/experiment.ts";
import type { Origin, Row } from "../figure.ts";
import { heat } from "../heat.ts";
import { defineLive } from "../live.ts";
import { lines } from "../marks.ts";

function originOf(params: ParamsOf<typeof coverageDecay.params>, workload: string): Origin {
  const { kernel, policy, seed } = params;
  return { designs: [`arm64-4k ${kernel}`, policy], workload, params, seed, input: null };
}

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
      origin: originOf(params, `small operations on ${mib} MiB`),
    };
  },
  plot: (Plot, frame) => ({
    ...lines(Plot, frame, { x: "ops", y: "covered", series: "wear" }),
    x: frame.axis("ops"),
    y: frame.axis("covered", { domain: [0, 100] }),
  }),
});

function mapAlt(rows: readonly DecayMapRow[]): string {
  const last = Math.max(...rows.map((row) => row.ops));
  const ends = rows.filter((row) => row.ops === last && row.covered !== null);
  const sorted = ends.toSorted((a, b) => a.covered! - b.covered!);
  const told = (row: DecayMapRow | undefined) =>
    row ? `${row.covered!.toFixed(0)} % from ${row.from} MiB on` : "none";
  return `Heat map of coverage by address and operations done. After ${last}: least ${told(sorted[0])}, most ${told(sorted.at(-1))}.`;
}

/** Coverage by address and operations, for one kind of operation. */
export const contpteDecayMapLive = defineLive({
  id: coverageDecayMap.id,
  title: "Where contpte coverage decays",
  params: coverageDecayMap.params,
  inputs: [],
  run: (params) => {
    const rows = coverageDecayMap.run(params, undefined);
    const { policy, mib, kernel, wear, places } = params;
    return {
      title: `Where coverage decays: ${wear}`,
      caption: `Coverage of ${mib} MiB mapped as ${policy} on arm64, kernel ${kernel}, by address; operations at random places, ${places}.`,
      alt: mapAlt(rows),
      better: "more coverage",
      columns: [
        {
          key: "from",
          label: "address, MiB",
          role: "parameter",
          digits: 2,
          definition: "Where a sixteenth of the memory begins.",
        },
        { key: "ops", label: "operations done", role: "parameter", definition: "How many there have been." },
        {
          key: "covered",
          label: "covered, %",
          basis: "counted",
          digits: 0,
          definition: "Mapped memory of the range behind contiguous blocks or larger leaves, per cent.",
        },
      ],
      rows: rows as unknown as readonly Row[],
      origin: originOf(params, `${wear} on ${mib} MiB`),
    };
  },
  plot: (Plot, frame) => heat(Plot, frame, { x: "ops", y: "from", value: "covered", domain: [0, 100] }),
});
