/**
 * `ptlab trace run FILE`: a recorded stream of accesses over its memory as Linux would have mapped it, on modelled hardware.
 */
import { type Format, pmdOrder } from "../arch/format.ts";
import { formatNamed, formats } from "../arch/formats.ts";
import { digest } from "../base/digest.ts";
import { UserError } from "../base/errors.ts";
import { formatSize, parseSize } from "../base/size.ts";
import type { Build, Column, FigureData, Row } from "../figure/figure.ts";
import { toText } from "../figure/text.ts";
import { costsOf, specOf } from "../mmu/cores/core.ts";
import { coreNamed } from "../mmu/cores/cores.ts";
import { type GenericCore, genericCore } from "../mmu/generic.ts";
import { openTrace } from "../study/trace/open.ts";
import { type MappedTrace, mapTrace, type TracePolicy } from "../study/trace/replay.ts";
import { runTrace, type TraceCase, type TraceResult } from "../study/trace/run.ts";
import { cutSource, type TraceSource } from "../study/trace/source.ts";
import { summarize, type TraceSummary } from "../study/trace/summary.ts";
import { contpteMatters, policyText } from "../study/walk-cost/layout.ts";
import { type CommandEffects, progressLine } from "./effects.ts";
import { traceInput } from "./trace-input.ts";
import { type PartOptions, partOf, showProgress, wholeNumber } from "./trace-options.ts";

/** Options of the command, as typed. */
export interface RunOptions extends PartOptions {
  /** Formats to compare, x86-64 by default. */
  readonly arch?: readonly string[];
  /** Sizes of folios to compare, by default those that the format's leaves and contiguous blocks have. */
  readonly folio?: readonly string[];
  /** False: leave arm64's contiguous bit alone. */
  readonly contpte?: boolean;
  /** Real cores to compare; a generic one by default. */
  readonly core?: readonly string[];
  /** Generic core: entries of the second TLB level, 1024 by default. */
  readonly tlb?: string;
  /** False: a generic core without walk caches. */
  readonly walkCache?: boolean;
  /** False: real cores without a model of their caches, which is faster. */
  readonly caches?: boolean;
  /** Whether the program's data takes part of a real core's caches. */
  readonly dataCompetes?: boolean;
  /** Accesses to run at first without counting. */
  readonly warmUp?: string;
}

/** Prints a table of what the trace costs under each policy, or throws a {@link UserError}. */
export async function traceRunCommand(
  file: string,
  options: RunOptions,
  effects: CommandEffects,
  build: Build,
): Promise<void> {
  const part = partOf(options);
  const warmUp = wholeNumber("--warm-up", options.warmUp ?? "0");
  const hardware = hardwareOf(options);
  const policies = archsOf(options).flatMap((arch) => policiesOf(formatNamed(arch), options));
  const input = await traceInput(file, effects.signal);
  const reading = progressLine(`reading ${input.name}`, effects);
  const running = progressLine(`running ${input.name}`, effects);
  try {
    const whole = await openTrace(input, part);
    if (input.size === null) throw new UserError(`${input.name}: a trace is run from a file, since it is read twice`);
    const trace = cutSource(whole, part.skip, part.skip + part.limit);
    const summary = await summarize(trace, showProgress(reading, effects));
    reading.clear();
    const cases = policies.flatMap((policy) => {
      const mapped = mapTrace(summary, policy);
      return hardware.map((make) => make(mapped));
    });
    const results = await runTrace(trace, cases, { warmUp, progress: showProgress(running, effects) });
    running.clear();
    const rows = results.map((result, i) => row(cases[i]!.name, result));
    effects.out(toText(table(results, rows, summary, workloadOf(whole, file), options), build));
  } finally {
    reading.clear();
    running.clear();
    await input.close();
  }
}

function workloadOf({ info }: TraceSource, file: string): string {
  return info.text === "" ? `trace ${file}` : info.text.replace(/\p{Cc}/gu, " ");
}

interface NamedCase extends TraceCase {
  readonly name: string;
}

/** Makes the cases of one mapping, one for each core that was asked for. */
function hardwareOf(options: RunOptions): ((mapped: MappedTrace) => NamedCase)[] {
  if (options.core === undefined) {
    const choice = { tlbEntries: tlbEntries(options.tlb ?? "1024"), walkCache: options.walkCache !== false };
    return [(mapped) => ({ name: "generic", mapped, core: genericCore(...generic(mapped, choice)) })];
  }
  if (options.tlb !== undefined || options.walkCache === false)
    throw new UserError("--tlb and --no-walk-cache are for the generic core: leave them or --core out");
  const choices = { caches: options.caches !== false, dataCompetes: options.dataCompetes === true };
  return options.core.map(coreNamed).map((core) => (mapped) => {
    const { format, accessDirty } = mapped.mm.kernel;
    return { name: core.name, mapped, core: specOf(core, format, { ...choices, accessDirty }), costs: costsOf(core) };
  });
}

function generic(mapped: MappedTrace, choice: Pick<GenericCore, "tlbEntries" | "walkCache">): [Format, GenericCore] {
  const { format, accessDirty } = mapped.mm.kernel;
  return [format, { ...choice, contiguous: true, accessDirty }];
}

/** Formats asked for, or else x86-64 or the first that all cores asked for can walk. */
function archsOf({ arch, core }: RunOptions): readonly string[] {
  if (arch !== undefined) return arch;
  const machines = (core ?? []).map((name) => coreNamed(name).machines);
  const first = formats.find(({ machine }) => machines.every((list) => list.includes(machine)));
  return [first?.name ?? "x86-64"];
}

/** A power of two times 8 or 12, as arrays of 8 and 12 ways have. */
function tlbEntries(text: string): number {
  const n = wholeNumber("--tlb", text);
  if (n >= 8 && [n / 8, n / 12].some((sets) => Number.isInteger(Math.log2(sets)))) return n;
  throw new UserError(`bad --tlb '${text}': 8 or 12 times a power of two is allowed`);
}

function policiesOf(format: Format, { folio, contpte }: RunOptions): TracePolicy[] {
  const usual = [0, format.contLg2[0] || 4, pmdOrder(format)];
  const orders = folio === undefined ? usual : folio.map((size) => folioOrder(format, size));
  return [...new Set(orders)].flatMap((order) => {
    const policy = { format: format.name, order, contpte: contpte !== false };
    return contpte !== false && contpteMatters(format, order) ? [{ ...policy, contpte: false }, policy] : [policy];
  });
}

function folioOrder(format: Format, size: string): number {
  const order = Math.log2(parseSize(size)) - format.pageLg2;
  const most = pmdOrder(format);
  if (Number.isInteger(order) && order >= 0 && order <= most && order !== 1) return order;
  const bytes = (n: number) => formatSize(2 ** (format.pageLg2 + n));
  throw new UserError(
    `bad --folio '${size}': on ${format.name}, ${bytes(0)} and the powers of two from ${bytes(2)} to ${bytes(most)} are allowed`,
  );
}

const MAPPING: Column = {
  key: "mapping",
  label: "mapping",
  definition: "page-table format, largest folio that the kernel may take, and whether arm64's contiguous bit is used",
};

const CORE: Column = {
  key: "core",
  label: "core",
  definition: "the hardware that is modelled; generic: round numbers, the same for all formats",
};

function table(
  results: readonly TraceResult[],
  rows: readonly Row[],
  summary: TraceSummary,
  workload: string,
  options: RunOptions,
): FigureData {
  const { counts } = results[0]!;
  const deepest = Math.max(...results.map(({ counts: c }) => c.reads.findLastIndex((n) => n > 0)));
  const some = (pick: (c: TraceResult["counts"]) => number) => results.some((r) => pick(r.counts) > 0);
  return {
    title: `${counts.accesses} accesses of: ${workload}`,
    caption: "",
    alt: "",
    better: "fewer walks, fewer reads, less time",
    columns: [
      ...(rows.some(({ core }) => core !== "generic") ? [CORE] : []),
      MAPPING,
      ...counts.tlbHits.map((_, level) => hitsColumn(level)),
      perThousand("walks", "walks", "accesses whose translation was in no TLB level, per 1000"),
      ...(some((c) => c.dirtyWalks)
        ? [perThousand("dirty", "dirty walks", "walks to set dirty, per 1000 accesses")]
        : []),
      ...(some((c) => c.faults) ? [perThousand("faults", "faults", "faults, per 1000 accesses")] : []),
      ...Array.from({ length: deepest + 1 }, (_, level) => readsColumn(level)),
      NS,
    ],
    rows,
    compare: "ns",
    origin: {
      designs: [...new Set(results.map(({ mapped }) => mapped.policy.format))],
      workload,
      params: { ...options, policies: results.map(({ mapped }) => ({ ...mapped.policy })) },
      seed: null,
      input: digest(JSON.stringify([summary.counts, summary.lines, [...summary.touches]])),
    },
  };
}

const NS: Column = {
  key: "ns",
  label: "time",
  unit: "ns",
  basis: "modelled",
  digits: 3,
  definition: "translation of one access on average: looking in TLB levels behind the first, and reading tables",
};

function hitsColumn(level: number): Column {
  return perThousand(`hits${level}`, `TLB ${level + 1}`, `hits in TLB level ${level + 1}, per 1000 accesses`);
}

function readsColumn(level: number): Column {
  const definition = `slots that the walker read in tables of level ${level}, per 1000 accesses; level 0 holds PTEs`;
  return perThousand(`reads${level}`, `reads ${level}`, definition);
}

function perThousand(key: string, label: string, definition: string): Column {
  return { key, label, definition, basis: "counted", digits: 2 };
}

function row(core: string, { mapped, counts, cost }: TraceResult): Row {
  const per = (n: number) => (counts.accesses === 0 ? 0 : (1000 * n) / counts.accesses);
  return {
    core,
    mapping: policyText(mapped.policy),
    ...Object.fromEntries(counts.tlbHits.map((n, level) => [`hits${level}`, per(n)])),
    walks: per(counts.walks),
    dirty: per(counts.dirtyWalks),
    faults: per(counts.faults),
    ...Object.fromEntries(counts.reads.map((n, level) => [`reads${level}`, per(n)])),
    ns: cost.total,
  };
}
