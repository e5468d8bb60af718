/**
 * What every way of recording has in common: op scripts go in, recorded scripts come out one by one, each with the machine
 * on which the model is to be held against it.
 */
import { UserError } from "../../src/base/errors.ts";
import { profileOfRelease, profiles } from "../../src/mm/profile.ts";
import { parseRecorded, type Recorded, type RecordedHeader } from "../../src/study/ops/compare.ts";
import type { OpsSpec } from "../../src/study/ops/run.ts";

/** A script under the name that its recording shall carry. */
export interface NamedScript {
  readonly name: string;
  readonly text: string;
}

/** A kernel that scripts can be run in. */
export interface KernelUnderTest {
  /** For messages: "this machine's kernel", or the image and the CPU. */
  readonly what: string;
  /** How many scripts may be given at once. */
  readonly batch: number;
  /** Whether the same script gives the same recording every time: on an emulated machine, where nothing else runs. */
  readonly repeats: boolean;
  /** Runs the scripts in their order and hands over each recording as soon as it is whole. */
  record(scripts: readonly NamedScript[], done: (recorded: Recorded) => void): Promise<void>;
}

/** How a user steers a recording: `profile` and `memory` override what the machine itself says. */
export interface RecordOptions {
  readonly profile?: string;
  readonly signal: AbortSignal;
  /** Hears what a guest prints beside its records. */
  readonly log: (line: string) => void;
}

/** The header as the recorder prints it: with what it found out about its machine. */
interface RawHeader extends RecordedHeader {
  readonly memory: number;
  readonly softDirty: boolean;
}

/**
 * Puts the lines of the recorder together. `complete` gives the fields of a machine that only the caller knows: the page-table
 * format, and who sets accessed and dirty.
 */
export class Assembler {
  readonly #scripts: readonly NamedScript[];
  readonly #options: RecordOptions;
  readonly #complete: () => Pick<OpsSpec, "arch" | "accessDirty">;
  readonly #done: (recorded: Recorded) => void;
  #header: RecordedHeader | null = null;
  #lines: string[] = [];
  #finished = 0;

  constructor(
    scripts: readonly NamedScript[],
    options: RecordOptions,
    complete: () => Pick<OpsSpec, "arch" | "accessDirty">,
    done: (recorded: Recorded) => void,
  ) {
    this.#scripts = scripts;
    this.#options = options;
    this.#complete = complete;
    this.#done = done;
  }

  /** Scripts whose recordings are whole. */
  get finished(): number {
    return this.#finished;
  }

  line(text: string): void {
    if (text.startsWith('{"mmops"')) this.#header = this.#makeHeader(JSON.parse(text) as RawHeader);
    else if (text.startsWith('{"end"')) this.#end((JSON.parse(text) as { end: number }).end);
    else this.#lines.push(text);
  }

  #makeHeader({ memory, softDirty, ...header }: RawHeader): RecordedHeader {
    const { name } = this.#scripts[this.#finished]!;
    const kernel = header.kernel.replace(/[^\d.].*$/, "");
    const machine: OpsSpec = {
      ...this.#complete(),
      kernel: profileFor(kernel, this.#options.profile),
      memory,
      softDirty,
    };
    return { ...header, script: name, kernel, machine };
  }

  #end(status: number): void {
    const { name } = this.#scripts[this.#finished]!;
    if (status !== 0 || this.#header === null) throw new RecorderFailed(name);
    const text = [JSON.stringify(this.#header), ...this.#lines].join("\n");
    this.#header = null;
    this.#lines = [];
    this.#finished++;
    this.#done(parseRecorded(text)[0]!);
  }
}

/** The recorder gave a script up; why, it has said on standard error. */
export class RecorderFailed extends Error {
  constructor(script: string) {
    super(`the recorder could not run ${script}`);
  }
}

/** The profile that stands for a kernel: the one that the user named, or the one of its release. */
export function profileFor(kernel: string, named: string | undefined): string {
  const known = profiles.map((p) => p.name);
  const wanted = named ?? profileOfRelease(kernel) ?? kernel;
  if (known.includes(wanted) || wanted === profileOfRelease(wanted)) return wanted;
  const hint = named === undefined ? `--profile holds this kernel against one of them` : "";
  throw new UserError(`no profile for Linux ${wanted}: there are ${known.join(", ")}${hint ? `; ${hint}` : ""}`);
}
