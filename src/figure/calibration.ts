/**
 * The data of a calibration: the table of weights, each with its source, and the residual of every row.
 */
import { EVENTS } from "../base/tally.ts";
import type { KernelCosts } from "../study/cost/costs.ts";
import type { Fit } from "../study/cost/fit.ts";
import type { HostPages, TranslationFit } from "../study/cost/translation.ts";
import type { Column, LooseData, Origin } from "./figure.ts";

/** What a calibration was made from: the recorded machine, and a digest of the file; null where the fitted table is built in. */
export interface CalibrationOrigin {
  readonly machine: string;
  readonly input: string | null;
}

function originOf({ machine, input }: CalibrationOrigin): Origin {
  const designs = ["Linux 6.18 on x86-64, simulated"];
  return { designs, workload: `calibration on ${machine}`, params: { machine }, seed: null, input };
}

function ns(key: string, label: string, definition: string, digits = 2): Column {
  return { key, label, unit: "ns", basis: "modelled", digits, definition };
}

/** A column of nanoseconds that leaves the unit to its definition: the table is as wide as a mail. */
function plainNs(key: string, label: string, definition: string, digits: number): Column {
  return { key, label, basis: "modelled", digits, definition };
}

/** The weights of a cost table, each with where it comes from. */
export function costsData({ weights }: KernelCosts, origin: CalibrationOrigin): LooseData {
  const events = weights.map(({ event }) => `${event} = ${EVENTS[event]}`).join("; ");
  const sources = weights
    .filter(({ basis }) => basis !== "fitted")
    .map(({ event, basis, source }) => `${event}: ${basis === "none" ? "not priced" : basis}; ${source}`);
  return {
    title: `Weights of counted events, fitted to ${origin.machine}`,
    caption: "What one event of each kind takes, as the recorded times say it together.",
    alt: `A table of weights: ${weights.map((w) => `${w.event} ${w.ns ?? "not priced"}`).join(", ")}.`,
    better: "a narrow range between least and most",
    columns: [
      { key: "event", label: "event", definition: `${events}.` },
      plainNs("ns", "weight", "What one event takes, in ns; none where it is not priced.", 2),
      plainNs("low", "least", "Smallest weight when any one recorded row is left out of the fit, in ns.", 1),
      plainNs("high", "most", "Largest weight when any one recorded row is left out of the fit, in ns.", 1),
      {
        ...{ key: "part", label: "largest part" },
        definition:
          "Recorded row of whose modelled time the event is the largest part; its residual is in the other table. " +
          `Where there is none the weight is not fitted. ${sources.join(". ")}.`,
      },
    ],
    rows: weights.map(({ event, ns: weight, low, high, basis, share, row }) => ({
      ...{ event, ns: weight, low: low ?? null, high: high ?? null },
      part: row === undefined ? (basis === "none" ? "not priced" : basis) : `${Math.round(100 * share!)} % of ${row}`,
    })),
    origin: originOf(origin),
  };
}

/** Every recorded row beside what the fitted weights make of its counts. */
export function residualsData({ rows, others, rms, median }: Fit, origin: CalibrationOrigin): LooseData {
  const left = others.map(({ name }) => name).join(", ");
  const parts = `root mean square ${percent(rms)}, median ${percent(median)}`;
  return {
    title: `Measured and modelled times of ${rows.length} operations: residuals ${parts}`,
    caption: "Nanoseconds by 4K page, or by call where the row is a call.",
    alt: `A table of residuals: ${rows.map((row) => `${row.name} ${percent(row.residual)}`).join(", ")}.`,
    better: "a residual near 0",
    columns: [
      {
        key: "name",
        label: "row",
        definition: `Name of the recorded row. No operation of the kernel's, and not in the fit: ${left || "none"}.`,
      },
      {
        ...{ key: "measured", label: "measured", unit: "ns", basis: "measured", digits: 2 },
        definition: "Recorded median, less the time that the program itself takes for touching memory.",
      },
      ns("modelled", "modelled", "Counts of the same operation in the simulated kernel, times the weights."),
      {
        ...{ key: "residual", label: "residual", unit: "%", basis: "modelled", digits: 1 },
        definition: "Modelled less measured, in per cent of the measured time.",
      },
    ],
    rows: rows.map(({ name, measured, modelled, residual }) => ({
      name,
      measured,
      modelled,
      residual: 100 * residual,
    })),
    origin: originOf(origin),
  };
}

/** The rows of random loads beside a core of the model, under each kind of host. */
export function translationData(
  fits: readonly TranslationFit[],
  core: string,
  { machine, input }: CalibrationOrigin,
): LooseData {
  const hosts = fits.map(({ host, rms, loopNs, walkNs }) => {
    const found = `loop ${loopNs.toFixed(1)} ns, walk ${walkNs.toFixed(1)} ns`;
    return `${hostWords(host)}: root mean square ${percent(rms)}, ${found}`;
  });
  const column = ({ host }: TranslationFit): Column =>
    ns(hostKey(host), hostWords(host), `Modelled on ${core}, ${hostWords(host)}.`, 1);
  return {
    title: `Random loads, measured and modelled on ${core}. ${hosts.join("; ")}`,
    caption: "Dependent loads over memory that is all zero page: only translation differs.",
    alt: `A table of times of one load by memory and page size. ${hosts.join("; ")}.`,
    better: "a modelled time near the measured one",
    columns: [
      { key: "name", label: "row", definition: "Memory that was loaded from, and the size of its pages." },
      {
        ...{ key: "measured", label: "measured", unit: "ns", basis: "measured", digits: 1 },
        definition: "Recorded median of one load.",
      },
      ...fits.map(column),
    ],
    rows: fits[0]!.rows.map(({ name, measured }, i) => ({
      ...{ name, measured },
      ...Object.fromEntries(fits.map(({ host, rows }) => [hostKey(host), rows[i]!.modelled])),
    })),
    origin: {
      ...{ designs: [core], workload: `random loads on ${machine}`, params: { machine, core }, seed: null, input },
    },
  };
}

const hostKey = (host: HostPages): string => `host_${host}`;

function hostWords(host: HostPages): string {
  return host === "none" ? "no host" : `host with ${host} pages`;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
