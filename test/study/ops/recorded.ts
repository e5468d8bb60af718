/**
 * Recorded kernel runs: reading them, making scripts of them, and comparing a record of the model with one of a kernel.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { EntryRun } from "../../../src/study/ops/entries.ts";
import type { RunRow, VmaRow } from "../../../src/study/ops/report.ts";
import type { HeaderRecord, OpRecord } from "../../../src/study/ops/run.ts";

/** One script with what a real kernel made of it. */
export interface Recorded {
  readonly header: HeaderRecord;
  readonly records: readonly OpRecord[];
  /** The script's text, put together again from the recorded operations. */
  readonly text: string;
}

/** All scripts of a file in test/golden/oracle. */
export function readRecorded(name: string): Recorded[] {
  const file = new URL(`../../golden/oracle/${name}.jsonl.gz`, import.meta.url);
  const scripts: { header: HeaderRecord; records: OpRecord[]; text: string }[] = [];
  for (const line of gunzipSync(readFileSync(file)).toString().split("\n")) {
    if (line === "") continue;
    const record = JSON.parse(line) as HeaderRecord | OpRecord;
    if ("mmops" in record) scripts.push({ header: record, records: [], text: "" });
    else scripts.at(-1)!.records.push(record);
  }
  for (const script of scripts) script.text = script.records.map((r) => r.op).join("\n");
  return scripts;
}

/**
 * Everything that two records can be compared by, as text under a name: the fields of the real recorder's own comparison.
 * How runs were cut is normalised away, nothing else. `pt` and `cont` are there where the record has raw entries.
 */
export function fields(record: OpRecord): Map<string, string> {
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
