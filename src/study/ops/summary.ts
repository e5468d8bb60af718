/**
 * Agreement in figures: recorded kernel runs replayed in the model, and how many fields were compared and differ.
 *
 * A script is compared up to the first operation that differs: what follows is the same difference told again.
 */
import { type Compared, comparedFields, type FieldName, RECORD_FIELDS, type Recorded } from "./compare.ts";
import { type OpRecord, type OpsSpec, runScript } from "./run.ts";
import { parseScript } from "./script.ts";

/** How often a field was compared, and how often the model's was not the kernel's. */
export interface FieldCount {
  compared: number;
  different: number;
}

/** The first operation of a script in which the model differs. */
export interface FirstDifference {
  readonly record: OpRecord;
  readonly fields: readonly Compared[];
}

/** What replaying one script came to. `whole` is false where the script was left because the model lacks an operation. */
export interface Replay {
  readonly ops: number;
  readonly whole: boolean;
  readonly different: FirstDifference | null;
  readonly perField: Record<FieldName, FieldCount>;
}

/** Replays one recorded script in the model and compares every field that the recording has. */
export function replayRecorded(recorded: Recorded, spec: OpsSpec): Replay {
  const script = parseScript(recorded.text, recorded.header.script);
  if (script.bad !== null) throw script.bad;
  const perField = noFieldCounts();
  const model = runScript(script, { ...spec, entries: recorded.records[0]?.pt !== undefined });
  model.next();
  let ops = 0;
  for (const record of recorded.records) {
    const got = model.next().value as OpRecord;
    if (got.err === "ENOSYS") return { ops, whole: false, different: null, perField };
    ops++;
    const fields = compareInto(perField, record, got);
    if (fields.length > 0) return { ops, whole: true, different: { record, fields }, perField };
  }
  return { ops, whole: true, different: null, perField };
}

function compareInto(perField: Record<FieldName, FieldCount>, kernel: OpRecord, model: OpRecord): Compared[] {
  const different: Compared[] = [];
  for (const field of comparedFields(kernel, model)) {
    const count = perField[field.name];
    count.compared++;
    if (field.kernel === field.model) continue;
    count.different++;
    different.push(field);
  }
  return different;
}

/** A count of 0 for every field. */
export function noFieldCounts(): Record<FieldName, FieldCount> {
  const entries = RECORD_FIELDS.map((name) => [name, { compared: 0, different: 0 }]);
  return Object.fromEntries(entries) as Record<FieldName, FieldCount>;
}

/** How far the model agrees with one kernel on one architecture. `arch` is the format's name. */
export interface Agreement {
  readonly kernel: string;
  readonly arch: string;
  scripts: number;
  ops: number;
  /** Scripts that were left because they need an operation that the model lacks. */
  cut: number;
  readonly perField: Record<FieldName, FieldCount>;
}

/** Sums of replays, one for each kernel and architecture, in the order in which these first came. */
export class AgreementTable {
  readonly #rows = new Map<string, Agreement>();

  add(kernel: string, arch: string, result: Replay): void {
    const row = this.#row(kernel, arch);
    row.scripts++;
    row.ops += result.ops;
    if (!result.whole) row.cut++;
    for (const name of RECORD_FIELDS) {
      row.perField[name].compared += result.perField[name].compared;
      row.perField[name].different += result.perField[name].different;
    }
  }

  rows(): Agreement[] {
    return [...this.#rows.values()];
  }

  #row(kernel: string, arch: string): Agreement {
    const key = `${kernel} ${arch}`;
    const found = this.#rows.get(key);
    if (found !== undefined) return found;
    const row: Agreement = { kernel, arch, scripts: 0, ops: 0, cut: 0, perField: noFieldCounts() };
    this.#rows.set(key, row);
    return row;
  }
}

/** A part of a corpus: recorded scripts, and the machine on which the model replays them. */
export interface Corpus {
  readonly recorded: readonly Recorded[];
  readonly spec: OpsSpec;
}

/** Replays corpora and sums up by kernel and architecture. */
export function agreement(corpora: Iterable<Corpus>): Agreement[] {
  const table = new AgreementTable();
  for (const { recorded, spec } of corpora)
    for (const one of recorded) table.add(one.header.kernel, spec.arch, replayRecorded(one, spec));
  return table.rows();
}
