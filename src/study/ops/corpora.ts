/**
 * What a corpus of recorded kernel runs is: the machine that each file was recorded on, and which operations stand in it.
 */
import { oneOf, UserError } from "../../base/errors.ts";
import { MiB } from "../../base/size.ts";
import { parseRecorded, type Recorded } from "./compare.ts";
import type { OpsSpec } from "./run.ts";
import { ADVICE, type OpLine, parseScript } from "./script.ts";
import { type Agreement, AgreementTable, type Corpus, type FirstDifference, replayRecorded } from "./summary.ts";

/** A file of recorded runs. `name` is that of the file without its endings. */
export interface NamedCorpus extends Corpus {
  readonly name: string;
}

/** Memory that a guest with raw entries had left for its programs: of 1 GiB, what the kernel did not keep. */
const GUEST_MEMORY = 960 * MiB;

/**
 * A corpus from the text of a file. The header says on which machine the model is held against it; where it does not, the
 * name does, `ARCH-KERNEL-...`, and raw entries say that it was a guest.
 */
export function namedCorpus(name: string, lines: string): NamedCorpus {
  const recorded = parseRecorded(lines);
  const [, arch, kernel] = /^(.+?)-(\d+\.\d+)-/.exec(name) ?? [];
  if (arch === undefined || kernel === undefined)
    throw new UserError(`recording '${name}': names such as x86-64-6.18-hand are allowed`);
  const guest = recorded[0]?.records[0]?.pt !== undefined;
  const named: OpsSpec = { arch, kernel, ...(guest ? { memory: GUEST_MEMORY } : {}) };
  return { name, recorded, spec: recorded[0]?.header.machine ?? named };
}

const ENDING = ".jsonl.gz";

/** The corpora among the files of a folder, in the order of their names; with `names`, those alone. `read` unpacks a file. */
export function namedCorpora(
  files: readonly string[],
  names: readonly string[],
  read: (file: string) => string,
): NamedCorpus[] {
  const all = files
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
  for (const name of names) oneOf("recording", name, all);
  const chosen = names.length === 0 ? all : names;
  return chosen.map((name) => namedCorpus(name, read(name + ENDING)));
}

/** How often one operation of the grammar was compared. */
export interface OperationCount {
  readonly operation: string;
  ops: number;
  /** Scripts with at least one. */
  scripts: number;
  /** Of `ops`, those that the kernel answered with an error. */
  refused: number;
}

/** Variants of operations that are told apart: the words after which they are named. */
const VARIANTS: readonly (readonly [operation: string, variant: (line: OpLine) => boolean])[] = [
  ["map shared", ({ action }) => action.op === "map" && action.shared],
  ["map populate", ({ action }) => action.op === "map" && action.populate],
  ["map noreserve", ({ action }) => action.op === "map" && action.noreserve],
  ["touch (read)", ({ action }) => action.op === "touch" && !action.write],
  ["remap dontunmap", ({ action }) => action.op === "remap" && action.dontunmap],
  ["protect none", ({ action }) => action.op === "protect" && action.prot === ""],
];

const PLAIN = [
  "map",
  "touch",
  "peek",
  "protect",
  "unmap",
  "remap",
  "lock",
  "unlock",
  "mincore",
  "fork",
  "exit",
  "knob",
];

/** What replaying corpora came to. */
export interface Survey {
  /** By kernel and format. */
  readonly agreements: readonly Agreement[];
  /** Every operation and variant of the grammar but `sleep` and `state`, which do nothing; 0 where none was compared. */
  readonly operations: readonly OperationCount[];
  /** The first difference of every script that differs. */
  readonly different: readonly { readonly corpus: string; readonly script: string; readonly at: FirstDifference }[];
  /** Scripts that were left because the model lacks an operation, with that operation. */
  readonly left: readonly { readonly corpus: string; readonly script: string; readonly op: string }[];
}

/** Replays every script of the corpora once, and sums up. */
export function survey(corpora: readonly NamedCorpus[]): Survey {
  const table = new AgreementTable();
  const operations = noOperations();
  const [different, left]: [Survey["different"][number][], Survey["left"][number][]] = [[], []];
  for (const { name: corpus, recorded, spec } of corpora)
    for (const one of recorded) {
      const { script, kernel } = one.header;
      const replay = replayRecorded(one, spec);
      table.add(kernel, spec.arch, replay);
      countOperations(operations, one, replay.ops);
      if (replay.different) different.push({ corpus, script, at: replay.different });
      if (!replay.whole) left.push({ corpus, script, op: one.records[replay.ops]!.op });
    }
  return { agreements: table.rows(), operations: [...operations.values()], different, left };
}

function noOperations(): Map<string, OperationCount> {
  const variants = VARIANTS.map(([variant]) => variant);
  const names = [...PLAIN.flatMap((op) => [op, ...variants.filter((v) => v.startsWith(`${op} `))]), ...ADVICE];
  return new Map(names.map((operation) => [operation, { operation, ops: 0, scripts: 0, refused: 0 }]));
}

/** The operations of one script that were compared, which are its first ones. */
function countOperations(rows: ReadonlyMap<string, OperationCount>, recorded: Recorded, compared: number): void {
  const seen = new Set<OperationCount>();
  const { lines } = parseScript(recorded.text, recorded.header.script);
  for (const [i, line] of lines.slice(0, compared).entries())
    for (const row of namesOf(line).flatMap((name) => rows.get(name) ?? [])) {
      row.ops++;
      if (recorded.records[i]!.rc !== 0) row.refused++;
      if (!seen.has(row)) row.scripts++;
      seen.add(row);
    }
}

function namesOf(line: OpLine): string[] {
  const { action } = line;
  const name = action.op === "advise" ? action.advice : action.op;
  return [name, ...VARIANTS.filter(([, is]) => is(line)).map(([variant]) => variant)];
}
