/**
 * `ptlab trace convert IN OUT` and `ptlab trace info FILE`: recorded streams of accesses, read in any form that is known, kept in ptlab's
 * own. What they cost on a machine is `trace-run.ts`.
 */
import { hex, KiB, MiB } from "../base/size.ts";
import { LINE_LG2 } from "../mmu/access-words.ts";
import { openTrace } from "../study/trace/open.ts";
import { pttBytes } from "../study/trace/ptt.ts";
import type { TraceSource } from "../study/trace/source.ts";
import { SummaryReader, summarize, type TraceProgress, type TraceSummary } from "../study/trace/summary.ts";
import { type CommandEffects, progressLine } from "./effects.ts";
import { type CountedInput, traceInput } from "./trace-input.ts";
import { type Part, type PartOptions, partOf, showProgress } from "./trace-options.ts";
import { checkWritable, writeWhole } from "./write-file.ts";

/** Options of `trace convert`, as typed. */
export interface ConvertOptions extends PartOptions {
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
  const part = partOf(options);
  await checkWritable(to, options.force === true);
  const input = await traceInput(from, effects.signal);
  const bar = progressLine(`converting ${input.name}`, effects);
  const show = showProgress(bar, effects);
  const written = { accesses: 0, bytes: 0 };
  try {
    const trace = await openTrace(input, part);
    const progress = (done: number) =>
      part.limit < Infinity ? show(done, part.skip + part.limit) : showRead(show, input, done);
    const bytes = converted(trace, part, options.text ?? trace.info.text, progress, written);
    await writeWhole(to, bytes, effects.signal);
  } finally {
    bar.clear();
    await input.close();
  }
  const { accesses, bytes } = written;
  const each = accesses === 0 ? "" : `, ${(bytes / accesses).toFixed(3)} each`;
  effects.err(`${accesses} accesses in ${bytes} bytes${each}, written to ${to}\n`);
}

/** The bytes of the part's `.ptt`. What is left out at the start is read too: it tells where the program's memory is. */
async function* converted(
  trace: TraceSource,
  { skip, limit }: Part,
  text: string,
  progress: (done: number) => void,
  written: { accesses: number; bytes: number },
): AsyncIterable<Uint8Array> {
  const touched = new SummaryReader();
  async function* kept() {
    for await (const words of trace.chunks(0, skip + limit)) {
      const wanted = words.subarray(2 * Math.max(0, skip - touched.accesses));
      touched.add(words);
      written.accesses += wanted.length / 2;
      progress(touched.accesses);
      if (wanted.length > 0) yield wanted;
    }
  }
  const areas = () => touched.summary(trace.info.areas ?? []).areas;
  for await (const bytes of pttBytes(kept(), { text, kinds: trace.info.kinds, areas })) {
    written.bytes += bytes.length;
    yield bytes;
  }
}

/** Of a foreign trace nobody knows how many accesses are to come, but how many bytes, if it is a file. */
function showRead(show: TraceProgress, input: CountedInput, done: number): void {
  if (input.size !== null && input.done() > 0) show(input.done(), input.size);
  else show(done, null);
}

/** Prints what a trace holds and touches. */
export async function traceInfoCommand(file: string, options: PartOptions, effects: CommandEffects): Promise<void> {
  const part = partOf(options);
  const input = await traceInput(file, effects.signal);
  const bar = progressLine(`reading ${input.name}`, effects);
  const show = showProgress(bar, effects);
  try {
    const trace = await openTrace(input, part);
    const progress: TraceProgress = (done, total) => (total === null ? showRead(show, input, done) : show(done, total));
    const summary = await summarize(trace, progress);
    bar.clear();
    effects.out(infoText(file, input, trace, summary, part.kinds === undefined));
  } finally {
    bar.clear();
    await input.close();
  }
}

function infoText(file: string, input: CountedInput, { info }: TraceSource, s: TraceSummary, all: boolean): string {
  const [loads, stores, fetches] = s.counts;
  const size = input.size ?? input.done();
  const each = s.accesses === 0 || !all ? "" : `, ${(size / s.accesses).toFixed(3)} for each access`;
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
