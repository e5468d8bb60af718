/**
 * Recorded times of a real kernel's operations: the JSON that calibration reads, checked row by row.
 *
 *   { "machine": { "cpu": "...", "kernel": "6.18...", "MiB": 1024 },
 *     "rows": [ { "name": "fork_4k", "unit": "ns/pte", "median": 66.7, "p10": 65.9, "p90": 74.7, "reps": 15 }, ... ] }
 *
 * Other fields may stand there and are passed over. `name` says what was timed; a name that is unknown is no error, since a
 * recorder may time more than is modelled.
 */
import { UserError } from "../../base/errors.ts";
import { isObject, type Raw } from "../../base/shape.ts";

/** One row: the time of one operation, in the unit that it names. */
export interface LimitRow {
  readonly name: string;
  /** What was timed, in words. */
  readonly what: string;
  readonly unit: string;
  readonly median: number;
  /** Tenth and ninetieth percentile over the repetitions; the median where the file has none. */
  readonly p10: number;
  readonly p90: number;
  readonly reps: number;
}

/** A recorded machine. */
export interface Limits {
  readonly machine: {
    readonly cpu: string;
    readonly kernel: string;
    /** Memory that each operation went over. */
    readonly MiB: number;
  };
  readonly rows: readonly LimitRow[];
}

/** More than any recorder writes; what is longer is no such file. */
const MAX_ROWS = 1000;
const MAX_TEXT = 200;

/** Reads the JSON, or throws a {@link UserError} of one line that names the file and the row. */
export function parseLimits(text: string, file: string): Limits {
  const fail = (what: string): never => {
    throw new UserError(`${file}: ${what}`);
  };
  const { machine, rows } = asRecord(parseJson(text, fail)) ?? fail("not an object with 'machine' and 'rows'");
  if (!Array.isArray(rows)) return fail("no list of rows under 'rows'");
  if (rows.length > MAX_ROWS) fail(`${rows.length} rows: at most ${MAX_ROWS} are allowed`);
  const read = rows.map((row, i) => readRow(row, `row ${i + 1}`, fail));
  for (const [i, { name }] of read.entries())
    if (read.findIndex((row) => row.name === name) !== i) fail(`row ${i + 1} '${name}': the name is there twice`);
  return { machine: readMachine(asRecord(machine) ?? fail("no object under 'machine'"), fail), rows: read };
}

type Fail = (what: string) => never;

function parseJson(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail(`not JSON: ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
}

const asRecord = (value: unknown): Raw | null => (isObject(value) ? value : null);

function readMachine({ cpu, kernel, MiB }: Raw, fail: Fail): Limits["machine"] {
  const text = (name: string, value: unknown) =>
    isText(value) ? value : fail(`machine: '${name}' is ${shown(value)}; text is wanted`);
  const size = isNumber(MiB) && MiB > 0 ? MiB : fail(`machine: 'MiB' is ${shown(MiB)}; a number above 0 is wanted`);
  return { cpu: text("cpu", cpu), kernel: text("kernel", kernel), MiB: size };
}

function readRow(value: unknown, where: string, fail: Fail): LimitRow {
  const row = asRecord(value) ?? fail(`${where} is ${shown(value)}; an object is wanted`);
  const { name, what, unit } = row;
  if (!isText(name) || !/^\w+$/.test(name))
    return fail(`${where}: 'name' is ${shown(name)}; letters, digits and _ are wanted`);
  if (!isText(unit)) return fail(`${where} '${name}': 'unit' is ${shown(unit)}; text is wanted`);
  const number = (key: string, otherwise?: number): number => {
    const given = row[key] === undefined ? otherwise : row[key];
    if (isNumber(given) && given > 0) return given;
    return fail(`${where} '${name}': '${key}' is ${shown(given)}; a number above 0 is wanted`);
  };
  const median = number("median");
  const [p10, p90, reps] = [number("p10", median), number("p90", median), number("reps", 1)];
  if (p10 > p90) fail(`${where} '${name}': 'p10' is ${p10}, above 'p90', which is ${p90}`);
  return { name, what: isText(what) ? what : name, unit, median, p10, p90, reps };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_TEXT;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** A value in a few characters of a message. */
function shown(value: unknown): string {
  return value === undefined ? "missing" : (JSON.stringify(value) ?? String(value)).slice(0, 40);
}
