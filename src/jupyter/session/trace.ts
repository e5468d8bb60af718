/**
 * Errors as a notebook shows them: name, message, and a traceback of the cell's own lines without the kernel's.
 */

import { inspect } from "node:util";
import type { Problem } from "../cells/checker.ts";
import type { Script } from "../cells/source.ts";
import { PROJECT_ROOT } from "../paths.ts";

/** An error as the protocol and nbformat carry it. */
export interface Failure {
  readonly ename: string;
  readonly evalue: string;
  /** Lines with ANSI colours. */
  readonly traceback: readonly string[];
}

/** What is known of a cell that ran: its text, and how places of its script lead back to it. */
export interface CellText extends Pick<Script, "origin"> {
  readonly code: string;
}

/** The cells by their number, to show the lines of and to map places back to. */
type CellTexts = ReadonlyMap<number, CellText>;

const red = (text: string) => `\x1b[31m${text}\x1b[39m`;
const dim = (text: string) => `\x1b[2m${text}\x1b[22m`;

/** The file name that a cell's script carries. */
export const cellName = (count: number): string => `In[${count}]`;

/** Type errors that are shown; one mistake can have many. */
const MAX_PROBLEMS = 10;

/** Errors that are told of one that has a cause or gathers others, which may have many more. */
const MAX_ERRORS = 50;

/** Type errors of a cell that was not run: each with its line, its column and a caret. */
export function typeFailure(problems: readonly Problem[], code: string, count: number): Failure {
  const lines = code.split("\n");
  const first = problems[0]!;
  const blocks = problems
    .slice(0, MAX_PROBLEMS)
    .flatMap((p) => [
      `${cellName(count)}:${p.line}:${p.column} - ${red("error")} ${dim(`TS${p.code}:`)} ${p.message}`,
      ...excerpt(lines, p.line, p.column, p.length),
    ]);
  const more = problems.length === 1 ? "" : ` (and ${problems.length - 1} more)`;
  const evalue = `line ${first.line}, column ${first.column}: ${first.message} (TS${first.code})${more}`;
  const rest = problems.length - MAX_PROBLEMS;
  const notes = [...(rest > 0 ? [dim(`${rest} further errors are not shown.`)] : []), dim("The cell was not run.")];
  return { ename: "TypeCheckError", evalue, traceback: [...blocks, ...notes] };
}

/** A place in a cell's script. */
interface Place {
  readonly count: number;
  readonly line: number;
  readonly column: number;
}

/** What was thrown by a cell. `place` stands in for a stack where there is none. */
export const thrownFailure = (error: unknown, cells: CellTexts, place?: Place): Failure =>
  failureOf(error, cells, place, new Set());

/** `seen` are the errors that have been told of: an error may be its own cause. */
function failureOf(error: unknown, cells: CellTexts, place: Place | undefined, seen: Set<unknown>): Failure {
  seen.add(error);
  try {
    if (isError(error)) return errorFailure(error, cells, place, seen);
    return otherFailure(typeof error === "string" ? error : inspect(error), cells, place);
  } catch {
    // Looking at it may run code of its own: a getter, a proxy, a way to inspect it.
    return otherFailure("something that throws an error itself when it is looked at", cells, place);
  }
}

function otherFailure(evalue: string, cells: CellTexts, place: Place | undefined): Failure {
  return { ename: "Thrown", evalue, traceback: [`${red("Thrown")}: ${evalue}`, ...placeLines(place, cells)] };
}

function errorFailure(error: Error, cells: CellTexts, place: Place | undefined, seen: Set<unknown>): Failure {
  const [ename, evalue] = [String(error.name || "Error"), String(error.message)];
  const frames = ownFrames(String(error.stack ?? "").split("\n"));
  const own = frames.length > 0 ? [...frameExcerpt(frames, cells), ...frames] : placeLines(place, cells);
  const shown = [...fileExcerpt(error), ...own];
  return { ename, evalue, traceback: [`${red(ename)}: ${evalue}`, ...shown, ...innerLines(error, cells, seen)] };
}

/** The failure of an interrupted cell. */
export const interruptFailure = (): Failure => ({
  ename: "Interrupted",
  evalue: "the cell was interrupted",
  traceback: [`${red("Interrupted")}: the cell was interrupted`],
});

// An error of another realm (a worker, a vm context) is no instance of this realm's Error.
const isError = (value: unknown): value is Error =>
  value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";

/** What an error was made of: its cause, and the errors that it gathers. */
function innerLines(error: Error, cells: CellTexts, seen: Set<unknown>): string[] {
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  const told = (title: string, inner: unknown) => {
    if (isError(inner) && seen.has(inner)) return ["", `${title}: an error that is told above`];
    if (seen.size >= MAX_ERRORS) return ["", `${title}: a further error, which is not shown`];
    return ["", title, ...failureOf(inner, cells, undefined, seen).traceback];
  };
  return [
    ...(cause === undefined ? [] : told("caused by", cause)),
    ...(Array.isArray(errors)
      ? errors.slice(0, MAX_PROBLEMS).flatMap((e, i) => told(`error ${i + 1} of ${errors.length}`, e))
      : []),
  ];
}

/**
 * Makes the stack of every error, also of one that a cell prints itself, show places as the cell's author sees them and
 * nothing of the kernel; returns what takes that back.
 */
export function ownStacks(cells: CellTexts): () => void {
  const before = Error.prepareStackTrace;
  Error.prepareStackTrace = (error, sites) => {
    const frames = sites.map((site) => `    at ${site}`);
    const own = ownFrames(frames).map((frame) => mapFrame(frame, cells));
    return [title(error), ...(own.length > 0 ? own : frames)].join("\n");
  };
  return () => {
    Error.prepareStackTrace = before;
  };
}

function title(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}

/** The frames among the lines of a stack that are the author's, down to where the cell was called. */
function ownFrames(lines: readonly string[]): string[] {
  const frames = lines.filter((line) => /^\s+at /.test(line));
  const end = frames.findIndex((line) => line.includes("node:inspector"));
  return frames
    .slice(0, end === -1 ? undefined : end)
    .filter((line) => !isKernelFrame(line))
    .map(withoutRoot);
}

const withoutRoot = (text: string): string =>
  text
    .replaceAll(`file://${PROJECT_ROOT}/`, "")
    .replaceAll(`${PROJECT_ROOT}/`, "")
    .replace(/\?v=\d+/, "");

/** True for a stack's line that is of Node or of what runs cells, which a cell also calls by itself; built, it has no other place. */
export const isKernelFrame = (line: string): boolean =>
  /^\s+at\b.*([( ]node:|\/src\/jupyter\/|\/site\/cells\/|\/_astro\/)/.test(line);

function mapFrame(frame: string, cells: CellTexts): string {
  return frame.replace(/In\[(\d+)\]:(\d+):(\d+)/g, (_, count, line, column) => {
    const script = { line: Number(line), column: Number(column) };
    const at = cells.get(Number(count))?.origin(script) ?? script;
    return `${cellName(count)}:${at.line}:${at.column}`;
  });
}

/** Place and line of a file with wrong syntax, which Node puts in front of the stack. */
function fileExcerpt({ stack }: Error): string[] {
  const found = /^\S.*:\d+\n.*\n *\^+\n/.exec(String(stack ?? ""));
  return found === null ? [] : ["", ...withoutRoot(found[0]).split("\n")];
}

/** The source line of the innermost frame that has one, if that is in a cell. */
function frameExcerpt(frames: readonly string[], cells: CellTexts): string[] {
  const inner = frames.find((frame) => !frame.includes("<anonymous>"));
  const at = /In\[(\d+)\]:(\d+):(\d+)/.exec(inner ?? "");
  const cell = at === null ? undefined : cells.get(Number(at[1]));
  return cell === undefined ? [] : excerpt(cell.code.split("\n"), Number(at![2]), Number(at![3]), 1);
}

function placeLines(place: { count: number; line: number; column: number } | undefined, cells: CellTexts): string[] {
  if (place === undefined) return [];
  const cell = cells.get(place.count);
  const at = cell?.origin(place) ?? place;
  const lines = cell === undefined ? [] : excerpt(cell.code.split("\n"), at.line, at.column, 1);
  return [...lines, `    at ${cellName(place.count)}:${at.line}:${at.column}`];
}

function excerpt(lines: readonly string[], line: number, column: number, length: number): string[] {
  const text = lines[line - 1];
  if (text === undefined) return [];
  const margin = `${line} | `;
  const caret = " ".repeat(margin.length) + text.slice(0, column - 1).replace(/[^\t]/g, " ");
  return ["", margin + text, caret + red("^".repeat(Math.max(1, length))), ""];
}
