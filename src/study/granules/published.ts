/**
 * What page sizes changed for real programs, as published with the first version of contpte, beside what the simulated program counts
 * under the same layouts. Times are of another machine and of programs with files; only the direction of each step can be compared.
 */
import type { Experiment } from "../experiment.ts";
import { type GranuleRow, granuleRow, programParams } from "./granules.ts";
import { ARM64_GRANULES } from "./layouts.ts";

/** One kernel: change of time in per cent against 4K pages, and of a browser benchmark's score; null where not given. */
export interface PublishedGranule {
  readonly kernel: string;
  /** Layout of ours that stands for it; null where the model has none. */
  readonly granule: string | null;
  readonly real: number;
  readonly kern: number;
  readonly user: number;
  readonly speedometer: number | null;
}

/**
 * Ryan Roberts, "Transparent Contiguous PTEs for User Mappings" v1, 2023-06-22, Ampere Altra: a compile of the kernel, and
 * Speedometer 2.0. The first three are cumulative.
 */
export const PUBLISHED_GRANULES: readonly PublishedGranule[] = [
  {
    ...{ kernel: "large anon folios", granule: "4K + 64K folios" },
    ...{ real: -5.4, kern: -46.0, user: -0.3, speedometer: 1.2 },
  },
  {
    ...{ kernel: "and contpte", granule: "4K + 64K contpte" },
    ...{ real: -6.8, kern: -45.7, user: -2.1, speedometer: 3.1 },
  },
  {
    ...{ kernel: "and exec folios", granule: null },
    ...{ real: -8.4, kern: -46.4, user: -3.7, speedometer: 4.2 },
  },
  { kernel: "16K pages", granule: "16K", real: -8.7, kern: -49.2, user: -3.7, speedometer: 5.3 },
  { kernel: "64K pages", granule: "64K", real: -10.5, kern: -66.0, user: -3.5, speedometer: null },
];

/** A published row with our changes against 4K pages, in per cent. */
export interface PublishedGranuleRow extends Omit<PublishedGranule, "granule"> {
  readonly faults: number | null;
  readonly slotsWritten: number | null;
  readonly misses: number | null;
  readonly lines: number | null;
}

const CHANGES = ["faults", "slotsWritten", "misses", "lines"] as const;

/** "Do the counts have the shape of the published times?" */
export const publishedGranules: Experiment<typeof programParams, PublishedGranuleRow> = {
  id: "granules-published",
  question: "Do the counts of larger pages have the shape of the published times?",
  params: programParams,
  run: (params) => {
    const rows = ARM64_GRANULES.map((granule) => granuleRow(granule, params));
    const base = rows[0]!;
    return PUBLISHED_GRANULES.map(({ granule, ...published }) => ({
      ...published,
      ...changes(
        base,
        rows.find((row) => row.name === granule),
      ),
    }));
  },
};

type Changes = Pick<PublishedGranuleRow, (typeof CHANGES)[number]>;

function changes(base: GranuleRow, row: GranuleRow | undefined): Changes {
  const change = (key: (typeof CHANGES)[number]) =>
    row === undefined || base[key] === 0 ? null : (100 * (row[key] - base[key])) / base[key];
  return Object.fromEntries(CHANGES.map((key) => [key, change(key)])) as Changes;
}
