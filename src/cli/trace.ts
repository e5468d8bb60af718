/**
 * `ptlab trace convert IN OUT` and `ptlab trace info FILE`: recorded streams of accesses, read in any form that is known, kept in ptlab's
 * own. What they cost on a machine is `trace-run.ts`.
 */
import { UserError } from "../base/errors.ts";
import { hex, KiB, MiB } from "../base/size.ts";
import { LINE_LG2 } from "../mmu/access-words.ts";
import { openTrace } from "../study/trace/open.ts";
import { pttBytes } from "../study/trace/ptt.ts";
import { DATA_KINDS } from "../study/trace/sink.ts";
import { parseKinds, type TraceSource } from "../study/trace/source.ts";
import { SummaryReader, summarize, type TraceSummary } from "../study/trace/summary.ts";
import { type CommandEffects, progressLine } from "./effects.ts";
import { type CountedInput, traceInput } from "./trace-input.ts";
import { formatOption, wholeNumber } from "./trace-options.ts";
import { checkWritable, writeWhole } from "./write-file.ts";

/** Options of `trace convert`, as typed. */
export interface ConvertOptions {
  /** Form of the input, `auto` by default. */
  readonly from?: string;
  /** Kinds to keep, `loads,stores` by default. */
  readonly kinds?: string;
  /** Accesses to leave out at the start, and to keep at most. */
  readonly skip?: string;
  readonly limit?: string;
  /** What was traced, in words. */
  readonly text?: string;
  /** Replace a file that exists. */
  readonly force?: boolean;
}

/** Writes the trace in `from` as a `.ptt` file, or throws a {@link UserError} and leaves nothing behind. */
export async function traceConvertCommand(
  from: string,
  to: string,
  options: ConvertOptions,
  effects: CommandEffects,
): Promise<void> {
  const skip = wholeNumber("--skip", options.skip ?? "0");
  const limit = options.limit === undefined ? Infinity : wholeNumber("--limit", options.limit);
  const kinds = options.kinds === undefined ? DATA_KINDS : parseKinds(options.kinds);
  const format = formatOption(options.from ?? "auto");
  await checkWritable(to, options.force === true);
  const { signal } = effects;
  const input = await traceInput(from, signal);
  const bar = progressLine(`converting ${input.name}`, effects);
  let written = 0;
  let accesses = 0;
  const touched = new SummaryReader();
  try {
    const trace = await openTrace(input, { format, kinds });
    const text = options.text ?? trace.info.text;
    await writeWhole(to, bytes(trace, text), signal);
  } finally {
    bar.clear();
    await input.close();
  }
  const each = accesses === 0 ? "" : `, ${(written / accesses).toFixed(3)} each`;
  effects.err(`${accesses} accesses in ${written} bytes${each}, written to ${to}\n`);

  async function* bytes(trace: TraceSource, text: string) {
    const areas = () => touched.summary(trace.info.areas ?? []).areas;
    for await (const part of pttBytes(counted(trace), { text, kinds: trace.info.kinds, areas })) {
      written += part.length;
      yield part;
    }
  }
  async function* counted(trace: TraceSource) {
    // What is left out is read too: it tells where the program's memory is.
    for await (const words of trace.chunks(0, skip + limit)) {
      signal?.throwIfAborted();
      const kept = words.subarray(2 * Math.max(0, skip - touched.accesses));
      touched.add(words);
      accesses += kept.length / 2;
      showDone(bar, input, touched.accesses, skip + limit);
      if (kept.length > 0) yield kept;
    }
  }
}

function showDone(bar: ReturnType<typeof progressLine>, input: CountedInput, accesses: number, limit: number): void {
  if (limit < Infinity) bar.show(accesses, limit);
  else if (input.size !== null && input.done() > 0) bar.show(input.done(), input.size);
  else bar.say(`${(accesses / 1e6).toFixed(1)} million accesses`);
}

/** Prints what a trace holds and touches. */
export async function traceInfoCommand(
  file: string,
  options: { readonly from?: string; readonly kinds?: string },
  effects: CommandEffects,
): Promise<void> {
  const format = formatOption(options.from ?? "auto");
  const kinds = options.kinds === undefined ? DATA_KINDS : parseKinds(options.kinds);
  const input = await traceInput(file, effects.signal);
  const bar = progressLine(`reading ${input.name}`, effects);
  try {
    const trace = await openTrace(input, { format, kinds });
    const summary = await summarize(trace, (done, total) => {
      effects.signal?.throwIfAborted();
      if (total !== null) bar.show(done, total);
      else showDone(bar, input, done, Infinity);
    });
    bar.clear();
    effects.out(infoText(file, input, trace, summary));
  } finally {
    bar.clear();
    await input.close();
  }
}

function infoText(file: string, input: CountedInput, { info }: TraceSource, s: TraceSummary): string {
  const [loads, stores, fetches] = s.counts;
  const size = input.size ?? input.done();
  const each = s.accesses === 0 ? "" : `, ${(size / s.accesses).toFixed(3)} for each access`;
  return [
    `Trace ${file} (${info.format})`,
    ...(info.text === "" ? [] : [`  of:        ${ascii(info.text)}`]),
    `  bytes:     ${size}${each}`,
    `  accesses:  ${s.accesses}: ${loads} loads, ${stores} stores, ${fetches} fetches`,
    `  pages:     ${s.pages["4K"]} of 4K, ${s.pages["64K"]} of 64K, ${s.pages["2M"]} of 2M touched`,
    ...(s.lines === null ? [] : [`  addresses: ${address(s.lines[0])} to ${address(s.lines[1] + 1)} (end)`]),
    ...areasText(s),
    ...growthText(s),
    "",
  ].join("\n");
}

/** A text in ASCII that fits a line. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 58);
}

function address(line: number): string {
  return hex(BigInt(line) << BigInt(LINE_LG2));
}

/** Most areas that are listed. */
const AREAS = 20;

function areasText({ areas }: TraceSummary): string[] {
  if (areas.length === 0) return [];
  const shown = [...areas].sort((a, b) => b.pages - a.pages).slice(0, AREAS);
  shown.sort((a, b) => a.start - b.start);
  const more = areas.length > AREAS ? [`  and ${areas.length - AREAS} smaller ones`] : [];
  return [
    "Areas (touched pages of 4K, parted where 2M or more are not touched):",
    ...shown.map(({ start, end, pages, fetched }) => {
      const range = `${page(start)} - ${page(end)}`.padEnd(34);
      return `  ${range} ${rough((end - start) * 4 * KiB).padStart(10)} ${`${pages}`.padStart(8)} pages${fetched ? " code" : ""}`;
    }),
    ...more,
  ];
}

function page(n: number): string {
  return hex(BigInt(n) << 12n);
}

function rough(bytes: number): string {
  return bytes < MiB ? `${bytes / KiB} KiB` : `${(bytes / MiB).toFixed(1)} MiB`;
}

/** Lines of the growth that are printed. */
const MOMENTS = 8;

function growthText({ growth, accesses }: TraceSummary): string[] {
  if (accesses === 0) return [];
  const picked = Array.from({ length: MOMENTS }, (_, i) => {
    const wanted = (accesses * (i + 1)) / MOMENTS;
    return growth.find((moment) => moment.accesses >= wanted) ?? growth.at(-1)!;
  });
  return [
    "Footprint (distinct pages of 4K after so many accesses):",
    ...[...new Set(picked)].map((m) => `  ${`${m.accesses}`.padStart(14)} ${`${m.pages}`.padStart(10)}`),
  ];
}
