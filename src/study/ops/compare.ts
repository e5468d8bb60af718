/**
 * Comparing what the model did with what a real kernel did: one operation's two records, field by field. How runs were cut
 * into pieces is normalised away; nothing else is, and there is no tolerance.
 */
import type { RunRow, VmaRow } from "./report.ts";
import type { HeaderRecord, OpRecord, OpsSpec } from "./run.ts";

/** The header of a recorded script. `machine` is the one on which the model is held against the recording. */
export interface RecordedHeader extends HeaderRecord {
  readonly machine?: OpsSpec;
}

/** A recorded script: the header, and one record an operation. */
export interface Recorded {
  readonly header: RecordedHeader;
  readonly records: readonly OpRecord[];
  /** The script's text, put together again from the recorded operations. */
  readonly text: string;
}

/** The scripts of a recording, given as its JSON lines. */
export function parseRecorded(lines: string): Recorded[] {
  const scripts: { header: RecordedHeader; records: OpRecord[] }[] = [];
  for (const line of lines.split("\n")) {
    if (line === "") continue;
    const record = parseLine(line) as RecordedHeader | OpRecord;
    if ("mmops" in record) scripts.push({ header: record, records: [] });
    else scripts.at(-1)!.records.push(record);
  }
  return scripts.map((script) => ({ ...script, text: script.records.map((r) => r.op).join("\n") }));
}

/** A double holds words below 2^53; what a script wrote may be any 64-bit word, and is read as it was printed. */
function parseLine(line: string): unknown {
  if (!BIG_WORD.test(line)) return JSON.parse(line);
  const { parse } = JSON as unknown as { parse(text: string, revive: Reviver): unknown };
  return parse(line, (_key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) ? BigInt(context.source!) : value,
  );
}

const BIG_WORD = /"vals":\[[^"]*\d{16}/;

/** Known to the engine and not yet to the language's library. */
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** The fields of a record, by the names under which agreement is counted. */
export const RECORD_FIELDS = [
  "rc",
  "err",
  "flt",
  "segv",
  "vals",
  "res",
  "dpte",
  "vmas",
  "rss",
  "runs",
  "maps",
  "pt",
  "cont",
  "tables",
] as const;

/** One of {@link RECORD_FIELDS}. */
export type FieldName = (typeof RECORD_FIELDS)[number];

/**
 * One field of two records, as text. `field` says where: the process, the region and the field's name. `model` is undefined
 * where the model says nothing, `kernel` where the kernel does not.
 */
export interface Compared {
  readonly name: FieldName;
  readonly field: string;
  readonly kernel: string | undefined;
  readonly model: string | undefined;
}

/** A {@link Compared} field whose two texts are not the same. */
export type Difference = Compared;

/** Every field that the two records can be compared by. Raw entries are compared where the kernel's were recorded. */
export function comparedFields(kernel: OpRecord, model: OpRecord): Compared[] {
  const want = fields(kernel);
  const got = fields(kernel.pt === undefined ? { ...model, pt: [] } : model);
  return [...new Set([...want.keys(), ...got.keys()])].map((field) => ({
    name: field.slice(field.lastIndexOf(" ") + 1) as FieldName,
    field,
    kernel: want.get(field),
    model: got.get(field),
  }));
}

/** Where the model's record differs from the kernel's. */
export function differences(kernel: OpRecord, model: OpRecord): Difference[] {
  return comparedFields(kernel, model).filter((f) => f.kernel !== f.model);
}

/** Everything that two records can be compared by, as text under a name whose last word is the field's. */
function fields(record: OpRecord): Map<string, string> {
  const out = new Map<string, string>();
  for (const key of ["rc", "err", "flt"] as const) out.set(key, String(record[key]));
  for (const key of ["segv", "vals", "res"] as const)
    if (record[key] !== undefined) out.set(key, record[key].map((span) => span.join("+")).join(" "));
  for (const proc of record.procs) {
    out.set(`p${proc.p} dpte`, String(proc.dpte));
    for (const region of proc.regions) {
      const at = `p${proc.p} ${region.r}`;
      out.set(`${at} vmas`, region.vmas.map((v) => `${v.off}+${v.len}:${v.perm}`).join(" "));
      out.set(`${at} rss`, region.vmas.map(sizes).join(" "));
      out.set(`${at} runs`, canonicalRuns(region.runs));
      out.set(`${at} maps`, mapcounts(region.runs));
    }
  }
  for (const proc of record.pt ?? [])
    for (const region of proc.regions) {
      out.set(
        `p${proc.p} ${region.r} pt`,
        joinEqual(region.e, ([, , kind, flags, v]) => `${kind}${flags}${kind[0] === "S" ? v : ""}`),
      );
      out.set(
        `p${proc.p} ${region.r} cont`,
        joinEqual(region.e, ([, , kind]) => (kind === "C" || kind[0] === "b" ? "C" : "-")),
      );
      out.set(`p${proc.p} ${region.r} tables`, region.tables.join(" "));
    }
  return out;
}

function sizes(v: VmaRow): string {
  return [v.rss, v.anon, v.ahp, v.swap].join("/");
}

/** Soft-dirty is not compared: not every recorded kernel was built with it. */
function comparable(flags: string): string {
  return flags.replaceAll("d", "");
}

/** One piece of a folio a line, joined with what continues it, so that it does not matter how the producer cut runs. */
function canonicalRuns(runs: readonly RunRow[]): string {
  const pieces = runs.flatMap((run) => piecesOf(run));
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last && last.page + last.n === piece.page && last.key === piece.key && last.next === piece.index) {
      last.n += piece.n;
      last.next = piece.next;
    } else joined.push({ ...piece });
  }
  return joined.map((p) => `${p.page}+${p.n}:${p.key}${p.index < 0 ? "" : `@${p.index}`}`).join(" ");
}

interface Piece {
  readonly page: number;
  n: number;
  readonly key: string;
  /** First page's place in its folio; -1 where pages of one kind simply follow each other. */
  readonly index: number;
  /** The index with which a piece that continues this one would start. */
  next: number;
}

function piecesOf(run: RunRow): Piece[] {
  const [page, n, cls, order, index, , flags] = run as [number, number, string, number, number, number, string];
  const plain = (key: string): Piece[] => [{ page, n, key, index: -1, next: -1 }];
  if (cls !== "P" && cls !== "H") return plain(cls);
  const key = `${cls}/${order}/${comparable(flags)}`;
  if (order === 0) return plain(key);
  const pieces: Piece[] = [];
  for (let done = 0, at = index; done < n; at = 0) {
    const len = Math.min(n - done, 2 ** order - at);
    pieces.push({ page: page + done, n: len, key, index: at, next: at + len });
    done += len;
  }
  return pieces;
}

/** How often each present page is mapped, by all processes together. */
function mapcounts(runs: readonly RunRow[]): string {
  const present = runs.filter(([, , cls]) => cls === "P" || cls === "H");
  const counts = present.map(([page, n, , , , maps]) => [page, n, maps] as [number, number, number]);
  return joinEqual(counts, ([, , maps]) => String(maps));
}

/** Runs `[page, n, ...]` as text under the key that is made of each; neighbours of one key are one. */
function joinEqual<T extends readonly [page: number, n: number, ...unknown[]]>(
  runs: readonly T[],
  keyOf: (run: T) => string,
): string {
  const joined: { page: number; n: number; key: string }[] = [];
  for (const run of runs) {
    const last = joined.at(-1);
    const key = keyOf(run);
    if (last && last.key === key && last.page + last.n === run[0]) last.n += run[1];
    else joined.push({ page: run[0], n: run[1], key });
  }
  return joined.map((r) => `${r.page}+${r.n}:${r.key}`).join(" ");
}
