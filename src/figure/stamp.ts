/**
 * The stamp: what was run, by which build, so that a number on a mailing list can be traced and made again.
 */
import { digest } from "../base/digest.ts";
import { UserError } from "../base/errors.ts";
import type { Build, FigureData } from "./figure.ts";

/** What every picture, table and page carries. `spec` is the digest of designs, workload, parameters, seed and input. */
export interface Stamp extends Build {
  readonly tool: "ptlab";
  readonly designs: readonly string[];
  readonly workload: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly spec: string;
  readonly seed: number | null;
  readonly input: string | null;
}

/** The stamp of a figure drawn by a build. */
export function stampOf(figure: FigureData, build: Build): Stamp {
  const { designs, workload, params, seed, input } = figure.origin;
  const spec = digest(canonicalJson({ designs, workload, params, seed, input }));
  const { version, source } = build;
  return { tool: "ptlab", version, source, designs, workload, params, spec, seed, input };
}

/** The stamp in one line, of any length; the text table wraps it. Digests are shortened to 8 digits. */
export function stampLine(figure: FigureData, build: Build): string {
  const stamp = stampOf(figure, build);
  const parts = [
    `ptlab ${stamp.version} (${short(stamp.source)})`,
    stamp.designs.join(", "),
    stamp.workload,
    stamp.seed === null ? "no seed" : `seed ${stamp.seed}`,
    stamp.input === null ? "no input" : `input ${short(stamp.input)}`,
    `spec ${short(stamp.spec)}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/** JSON with the keys of every object in order, so that equal values have equal text. Refuses what JSON would drop. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new UserError(`a stamp cannot hold ${value}`);
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return JSON.stringify(value);
  throw new UserError(`a stamp cannot hold a ${typeof value}`);
}

function short(hexDigits: string): string {
  return hexDigits.slice(0, 8);
}
