/**
 * Comparing what the model did with what a real kernel did: one operation's two records, field by field. How runs were cut
 * into pieces is normalised away; nothing else is, and there is no tolerance.
 */
import type { EntryRun } from "./entries.ts";
import type { RunRow, VmaRow } from "./report.ts";
import type { HeaderRecord, OpRecord } from "./run.ts";

/** A recorded script: the header, and one record an operation. */
export interface Recorded {
  readonly header: HeaderRecord;
  readonly records: readonly OpRecord[];
  /** The script's text, put together again from the recorded operations. */
  readonly text: string;
}

/** The scripts of a recording, given as its JSON lines. */
export function parseRecorded(lines: string): Recorded[] {
  const scripts: { header: HeaderRecord; records: OpRecord[] }[] = [];
  for (const line of lines.split("\n")) {
    if (line === "") continue;
    const record = JSON.parse(line) as HeaderRecord | OpRecord;
    if ("mmops" in record) scripts.push({ header: record, records: [] });
    else scripts.at(-1)!.records.push(record);
  }
  return scripts.map((script) => ({ ...script, text: script.records.map((r) => r.op).join("\n") }));
}

/** A field in which two records differ. `model` is undefined where the model says nothing, `kernel` where the kernel does not. */
export interface Difference {
  readonly field: string;
  readonly kernel: string | undefined;
  readonly model: string | undefined;
}

/** Where the model's record differs from the kernel's. Raw entries are compared where the kernel's were recorded. */
export function differences(kernel: OpRecord, model: OpRecord): Difference[] {
  const want = fields(kernel);
  const got = fields(kernel.pt === undefined ? { ...model, pt: [] } : model);
  const names = new Set([...want.keys(), ...got.keys()]);
  return [...names]
    .filter((field) => want.get(field) !== got.get(field))
    .map((field) => ({ field, kernel: want.get(field), model: got.get(field) }));
}

/** Everything that two records can be compared by, as text under a name. */
function fields(record: OpRecord): Map<string, string> {
  const out = new Map<string, string>();
  for (const key of ["rc", "err", "flt", "segv", "vals", "res"] as const)
    out.set(key, JSON.stringify(record[key] ?? null));
  for (const proc of record.procs) {
    out.set(`p${proc.p} dpte`, String(proc.dpte));
    for (const region of proc.regions) {
      const at = `p${proc.p} ${region.r}`;
      out.set(`${at} vmas`, region.vmas.map((v) => `${v.off}+${v.len}:${v.perm}`).join(" "));
      out.set(`${at} rss`, region.vmas.map(sizes).join(" "));
      out.set(`${at} runs`, canonicalRuns(region.runs));
    }
  }
  for (const proc of record.pt ?? [])
    for (const region of proc.regions) {
      out.set(
        `p${proc.p} ${region.r} pt`,
        entryText(region.e, ([, , kind, flags, v]) => `${kind}${flags}${kind[0] === "S" ? v : ""}`),
      );
      out.set(
        `p${proc.p} ${region.r} cont`,
        entryText(region.e, ([, , kind]) => (kind === "C" || kind[0] === "b" ? "C" : "-")),
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
  const [page, n, cls, order, index, maps, flags] = run as [number, number, string, number, number, number, string];
  const plain = (key: string): Piece[] => [{ page, n, key, index: -1, next: -1 }];
  if (cls !== "P" && cls !== "H") return plain(cls);
  const key = `${cls}/${order}/${maps}/${comparable(flags)}`;
  if (order === 0) return plain(key);
  const pieces: Piece[] = [];
  for (let done = 0, at = index; done < n; at = 0) {
    const len = Math.min(n - done, 2 ** order - at);
    pieces.push({ page: page + done, n: len, key, index: at, next: at + len });
    done += len;
  }
  return pieces;
}

function entryText(entries: readonly EntryRun[], keyOf: (run: EntryRun) => string): string {
  const joined: { page: number; n: number; key: string }[] = [];
  for (const run of entries) {
    const last = joined.at(-1);
    const key = keyOf(run);
    if (last && last.key === key && last.page + last.n === run[0]) last.n += run[1];
    else joined.push({ page: run[0], n: run[1], key });
  }
  return joined.map((r) => `${r.page}+${r.n}:${r.key}`).join(" ");
}
