/**
 * Op scripts: lists of memory-management operations, one a line, that run alike in the model and in a real kernel.
 * This file reads them; `run.ts` carries them out.
 *
 *   line     := ["@" PROC] op            PROC = 0..7, default 0; `#` starts a comment
 *   SIZE/OFF := number [K|M|G]           bytes; 0x and 0 in front mean hexadecimal and octal, 64 bits are kept
 *   map NAME SIZE [at=ADDR] [prot=none|r|rw|rx|rwx] [shared] [populate] [noreserve]
 *   touch NAME OFF LEN [r|w] [val=N] [step=SIZE]      peek NAME OFF LEN [step=SIZE]
 *   protect NAME OFF LEN none|r|rw|rx|rwx             unmap NAME OFF LEN
 *   remap NAME OFF LEN NEWLEN NEWNAME [at=ADDR] [dontunmap]
 *   lock|unlock|mincore NAME OFF LEN                  ADVICE NAME OFF LEN
 *   fork   exit   knob PATH VALUE   sleep MS   state
 *
 * LEN may be `end`; OFF LEN may be left out for the whole region. Regions are told apart by the first 15 characters of
 * their names, and a longer name is never found again: so the recorder.
 */
import { nearest, UserError } from "../../base/errors.ts";
import { type Word, wordOf } from "../../machine/contents.ts";

/** Advice that a script may give, by the names of the grammar. */
export const ADVICE = [
  "hugepage",
  "nohugepage",
  "collapse",
  "dontneed",
  "free",
  "cold",
  "pageout",
  "willneed",
  "guard",
  "unguard",
  "populate_read",
  "populate_write",
  "dontfork",
  "dofork",
  "wipeonfork",
  "keeponfork",
  "mergeable",
  "unmergeable",
  "dontneed_locked",
] as const;

/** One of {@link ADVICE}. */
export type Advice = (typeof ADVICE)[number];

const RANGED = ["touch", "peek", "protect", "unmap", "remap", "lock", "unlock", "mincore"] as const;
const OPS: readonly string[] = ["map", ...RANGED, ...ADVICE, "fork", "exit", "knob", "sleep", "state"];

/** A part of a region: bytes from its start; `len` null means to its end. */
export interface Part {
  readonly region: string;
  readonly off: Word;
  readonly len: Word | null;
}

/** Permissions as letters. */
export type Prot = "none" | "r" | "rw" | "rx" | "rwx";

/** What one line asks for. */
export type Action =
  | {
      readonly op: "map";
      readonly region: string;
      readonly size: Word;
      readonly at: Word | null;
      readonly prot: string;
      readonly shared: boolean;
      readonly populate: boolean;
      readonly noreserve: boolean;
    }
  | (Part & { readonly op: "touch"; readonly write: boolean; readonly value: Word; readonly step: Word | null })
  | (Part & { readonly op: "peek"; readonly step: Word | null })
  | (Part & { readonly op: "unmap" })
  | (Part & { readonly op: "lock" | "unlock" | "mincore" })
  | (Part & { readonly op: "protect"; readonly prot: string })
  | (Part & {
      readonly op: "remap";
      readonly newLen: Word;
      readonly newRegion: string;
      readonly at: Word | null;
      readonly dontunmap: boolean;
    })
  | (Part & { readonly op: "advise"; readonly advice: Advice })
  | { readonly op: "knob"; readonly path: string; readonly value: string }
  | { readonly op: "fork" | "exit" | "sleep" | "state" };

/** One line of a script. `text` is the line without its comment, as it is printed with the result. */
export interface OpLine {
  readonly line: number;
  readonly text: string;
  readonly proc: number;
  readonly action: Action;
}

/** A script as far as it could be read. `bad` says where and why the reading stopped; the lines before it stand. */
export interface Script {
  readonly name: string;
  readonly lines: readonly OpLine[];
  readonly bad: UserError | null;
}

/** Bounds that keep a hostile script small. */
const MAX_LINES = 100_000;
const MAX_LINE_CHARS = 511;

/** Reads a script. `name` stands before the line number in a complaint. */
export function parseScript(text: string, name: string): Script {
  const lines: OpLine[] = [];
  const regions = new Set<string>();
  const raw = text.split("\n");
  for (const [i, full] of raw.entries()) {
    try {
      if (i >= MAX_LINES) throw new UserError(`too many lines: ${MAX_LINES} are allowed`);
      const op = parseLine(full, i + 1, regions);
      if (op !== null) lines.push(op);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { name, lines, bad: new UserError(`${name}:${i + 1}: ${error.message}`) };
    }
  }
  return { name, lines, bad: null };
}

function parseLine(full: string, line: number, regions: Set<string>): OpLine | null {
  if (full.length > MAX_LINE_CHARS)
    throw new UserError(`line of ${full.length} characters: at most ${MAX_LINE_CHARS} are allowed`);
  const text = full.replace(/[#\r][\s\S]*$/, "").replace(/[ \t]+$/, "");
  const words = text.split(/[ \t]+/).filter((w) => w !== "");
  if (words.length === 0) return null;
  const proc = words[0]!.startsWith("@") ? parseProc(words.shift()!) : 0;
  if (words.length === 0) throw new UserError("a process but no operation: '@PROC op ...' is allowed");
  return { line, text, proc, action: parseAction(words, regions) };
}

function parseProc(word: string): number {
  if (!/^@[0-7]$/.test(word)) throw new UserError(`bad process '${word}': @0 to @7 are allowed`);
  return Number(word[1]);
}

function parseAction(words: readonly string[], regions: Set<string>): Action {
  const [op, ...args] = words as [string, ...string[]];
  switch (op) {
    case "map":
      return parseMap(args, regions);
    case "knob":
      if (args.length !== 2) throw new UserError("bad knob: 'knob PATH VALUE' is allowed");
      return { op, path: args[0]!, value: args[1]! };
    case "sleep":
      if (args.length !== 1 || !/^\d+$/.test(args[0]!)) throw new UserError("bad sleep: 'sleep MS' is allowed");
      return { op };
    case "fork":
    case "exit":
    case "state":
      if (args.length > 0) throw new UserError(`'${op}' takes no argument, '${args.join(" ")}' was given`);
      return { op };
    default:
      return parseRanged(op, args, regions);
  }
}

function parseMap(args: readonly string[], regions: Set<string>): Action {
  const [name, size, ...rest] = args;
  if (name === undefined || size === undefined) throw new UserError("bad map: 'map NAME SIZE [word...]' is allowed");
  const flag = (w: string) => rest.includes(w);
  for (const w of rest)
    if (!/^(at=|prot=|shared$|populate$|noreserve$)/.test(w))
      throw new UserError(`bad word '${w}' of map: at=, prot=, shared, populate and noreserve are allowed`);
  regions.add(shortName(name));
  return {
    op: "map",
    region: name,
    size: parseBytes(size),
    at: sizeAfter(rest, "at="),
    prot: parseProt(after(rest, "prot=") ?? "rw"),
    shared: flag("shared"),
    populate: flag("populate"),
    noreserve: flag("noreserve"),
  };
}

/** What the recorder keeps of a name. */
export function shortName(name: string): string {
  return name.slice(0, 15);
}

function parseRanged(op: string, args: readonly string[], regions: Set<string>): Action {
  const advice = ADVICE.find((a) => a === op);
  const known = RANGED.find((r) => r === op);
  if (advice === undefined && known === undefined) throw unknownOp(op);
  const [part, rest] = parsePart(op, args, regions);
  if (advice !== undefined) return noMore(op, rest, { op: "advise", advice, ...part });
  switch (known!) {
    case "touch":
      return parseTouch(part, rest);
    case "peek":
      return parsePeek(part, rest);
    case "protect":
      if (rest.length !== 1) throw new UserError("bad protect: 'protect NAME [OFF LEN] none|r|rw|rx|rwx' is allowed");
      return { op: "protect", prot: parseProt(rest[0]!), ...part };
    case "remap":
      return parseRemap(part, rest, regions);
    default:
      return noMore(op, rest, { op: known!, ...part } as Action);
  }
}

function unknownOp(op: string): UserError {
  const near = nearest(op, OPS);
  return new UserError(`unknown op '${op}': allowed are ${OPS.join(" ")}${near ? `; did you mean ${near}?` : ""}`);
}

function noMore(op: string, rest: readonly string[], action: Action): Action {
  if (rest.length > 0) throw new UserError(`bad word '${rest[0]}': '${op} NAME [OFF [LEN|end]]' is allowed`);
  return action;
}

/** `NAME [OFF [LEN|end]]`, and the words behind it. */
function parsePart(op: string, args: readonly string[], regions: Set<string>): [Part, string[]] {
  const [name, ...rest] = args;
  if (name === undefined) throw new UserError(`'${op}' needs a region`);
  if (!regions.has(name)) {
    const known = [...regions].join(", ") || "none, because nothing is mapped yet";
    throw new UserError(`no region '${name}': allowed are ${known}`);
  }
  if (!/^\d/.test(rest[0] ?? "")) return [{ region: name, off: 0, len: null }, rest];
  const off = parseBytes(rest.shift()!);
  if (rest[0] === "end") return [{ region: name, off, len: null }, rest.slice(1)];
  if (!/^\d/.test(rest[0] ?? "")) return [{ region: name, off, len: null }, rest];
  return [{ region: name, off, len: parseBytes(rest.shift()!) }, rest];
}

function parseTouch(part: Part, rest: readonly string[]): Action {
  for (const w of rest)
    if (!/^(r|w|val=.*|step=.*)$/.test(w))
      throw new UserError(`bad word '${w}' of touch: r, w, val=N and step=SIZE are allowed`);
  const value = parseWord(after(rest, "val=") ?? "1");
  return {
    op: "touch",
    write: rest.findLast((w) => w === "r" || w === "w") !== "r",
    value,
    step: parseStep(rest),
    ...part,
  };
}

function parsePeek(part: Part, rest: readonly string[]): Action {
  const bad = rest.find((w) => !w.startsWith("step="));
  if (bad !== undefined) throw new UserError(`bad word '${bad}': 'peek NAME [OFF [LEN|end]] [step=SIZE]' is allowed`);
  return { op: "peek", step: parseStep(rest), ...part };
}

function parseStep(words: readonly string[]): Word | null {
  const step = sizeAfter(words, "step=");
  if (step === 0) throw new UserError("bad step '0': a size above 0 is allowed");
  return step;
}

/** A number as C writes them, and what is behind it. */
const NUMBER = /^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)([KkMmGg]?)$/;
const SHIFT: Readonly<Record<string, bigint>> = { "": 0n, K: 10n, M: 20n, G: 30n };

function parseWord(text: string): Word {
  const [, digits, unit] = NUMBER.exec(text) ?? [];
  if (digits === undefined || unit !== "" || numberOf(digits) >= 2n ** 64n)
    throw new UserError(`bad value '${text}': a number below 2^64 is allowed`);
  return wordOf(numberOf(digits));
}

/** A count of bytes of 64 bits: what is too large for that is the largest (strtoull), and shifting loses what leaves at the top. */
function parseBytes(text: string): Word {
  const [, digits, unit] = NUMBER.exec(text) ?? [];
  if (digits === undefined) throw new UserError(`bad size '${text}': a number with an optional K, M or G is allowed`);
  const number = numberOf(digits);
  const most = 2n ** 64n - 1n;
  return wordOf(BigInt.asUintN(64, (number > most ? most : number) << SHIFT[unit!.toUpperCase()]!));
}

function numberOf(digits: string): bigint {
  return BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
}

function parseRemap(part: Part, rest: readonly string[], regions: Set<string>): Action {
  const [newLen, newRegion, ...words] = rest;
  const bad = words.find((w) => !/^(at=.*|dontunmap)$/.test(w));
  if (newLen === undefined || newRegion === undefined || bad !== undefined)
    throw new UserError("bad remap: 'remap NAME OFF LEN|end NEWLEN NEWNAME [at=ADDR] [dontunmap]' is allowed");
  regions.add(shortName(newRegion));
  return {
    op: "remap",
    ...part,
    newLen: parseBytes(newLen),
    newRegion,
    at: sizeAfter(words, "at="),
    dontunmap: words.includes("dontunmap"),
  };
}

function parseProt(text: string): string {
  if (text !== "none" && !/^[rwx]+$/.test(text))
    throw new UserError(`bad protection '${text}': none, r, rw, rx and rwx are allowed`);
  return text === "none" ? "" : text;
}

function after(words: readonly string[], prefix: string): string | null {
  return words.findLast((w) => w.startsWith(prefix))?.slice(prefix.length) ?? null;
}

function sizeAfter(words: readonly string[], prefix: string): Word | null {
  const text = after(words, prefix);
  return text === null ? null : parseBytes(text);
}
