/**
 * A session that runs TypeScript cells in this very process: checked first, then evaluated. There
 * can be one at a time, since cells share the process's global scope; `child-session.ts` gives each its own process.
 */
import { createRequire } from "node:module";
import { setImmediate } from "node:timers";
import { pathToFileURL } from "node:url";
import type { ExecuteOptions, ExecuteResult, Session } from "../../notebook/session.ts";
import { type Checker, createChecker } from "../cells/checker.ts";
import type { Completeness, Completion } from "../cells/editor.ts";
import { withoutExports } from "../cells/exports.ts";
import { onDisk } from "../cells/on-disk.ts";
import { type Script, toScript } from "../cells/source.ts";
import type { CommMessage } from "../widgets/comm-message.ts";
import { type Comms, createComms } from "../widgets/comms.ts";
import { type Bridge, setBridge } from "./bridge.ts";
import { CELL, KERNEL, type Phase } from "./child-protocol.ts";
import { createEvaluator, type Evaluator } from "./evaluate.ts";
import { displayWith, disposed, type Outcome, report, showResult } from "./finish.ts";
import { announce, dropUnset } from "./globals.ts";
import { lazyHost } from "./host.ts";
import { createLeftovers, type Leftovers } from "./leftovers.ts";
import { createLoader, type ModuleLoader } from "./modules.ts";
import { refuseStdin } from "./no-stdin.ts";
import { createRecipes, type Recipes } from "./recipes.ts";
import {
  ask,
  type CellRun,
  currentRun,
  emit,
  endRun,
  endShown,
  interruptRun,
  isLeftover,
  type Question,
  useResource,
  within,
} from "./run.ts";
import { captureStreams } from "./streams.ts";
import { trackTimers } from "./timers.ts";
import {
  type CellText,
  cellName,
  type Failure,
  interruptFailure,
  ownStacks,
  thrownFailure,
  typeFailure,
} from "./trace.ts";
import { bridgeTslab } from "./tslab-display.ts";

/** How a cell is run that can speak with a front end: without `onComm` there is none, and no widget is offered. */
export interface CellOptions extends ExecuteOptions {
  onComm?(message: CommMessage): void;
  /** The front end's name for the cell: what it has shown before ends when it is run anew. */
  readonly cell?: string;
  /** Puts a cell's question to a person and gives the answer; left out where nobody can be asked. */
  onQuestion?: (question: Question) => Promise<string>;
}

/** Where that goes which the listeners of a comm put out and send. */
export type CommSinks = Pick<CellOptions, "onOutput" | "onComm">;

/** A session that also answers an editor's questions, and that can be interrupted from outside. */
export interface CellSession extends Session {
  execute(code: string, options: CellOptions): Promise<ExecuteResult>;
  /**
   * Hands a message of the front end to the listeners of its comm, as soon as the code that is running lets go: between
   * cells and also while a cell awaits, so that a cell can wait for a click. Their error is put out as a cell's is.
   */
  receive(message: CommMessage, sinks: CommSinks): Promise<void>;
  complete(code: string, offset: number): Promise<Completion>;
  /** Type and documentation of what is at the offset, and its source if wanted, or undefined. */
  inspect(code: string, offset: number, withSource?: boolean): Promise<string | undefined>;
  completeness(code: string): Promise<Completeness>;
  /** Interrupts the running code of cells, if it lets this call through; a busy one has to be terminated first. */
  interrupt(): void;
}

interface State {
  readonly checker: Checker;
  readonly evaluator: Evaluator;
  readonly loader: ModuleLoader;
  readonly host: ReturnType<typeof lazyHost>;
  readonly cells: Map<number, CellText>;
  readonly recipes: Recipes;
  readonly folder: string;
  onPhase(phase: Phase): void;
  count: number;
  readonly comms: Comms;
  readonly leftovers: Leftovers;
  /** What interrupts each of the runs that are going on. */
  readonly running: Set<() => void>;
  /** Resolves when the cell that came last has run up to its first await. */
  begun: Promise<void>;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let open: State | undefined;

/**
 * Opens a session whose cells import relative to `folder`. Takes about a second. `onPhase` is told when a cell's code
 * may be running and when the kernel's is, so that another thread knows what it may terminate.
 */
export function openCellSession(folder: string, onPhase: (phase: Phase) => void = () => {}): CellSession {
  if (open !== undefined)
    throw new Error("a session is open in this process; close it first or use a session of its own process");
  const undo = [captureStreams(), refuseStdin(), trackTimers()];
  const [host, cells] = [lazyHost(), new Map<number, CellText>()];
  const state: State = {
    ...{ checker: createChecker(onDisk(folder)), evaluator: createEvaluator(), loader: createLoader(folder) },
    ...{ host, cells, recipes: createRecipes(host.get, cells), folder, onPhase, count: 0 },
    ...{ comms: createComms(), leftovers: createLeftovers(isLeftover), running: new Set(), begun: Promise.resolve() },
  };
  open = state;
  undo.push(ownStacks(state.cells));
  setBridge(bridge(state));
  return {
    execute: (code, options) => execute(state, code, options),
    receive: (message, sinks) => receive(state, message, sinks),
    complete: async (code, offset) => undisturbed(state, () => state.checker.complete(withoutExports(code), offset)),
    inspect: async (code, offset, withSource = false) =>
      undisturbed(state, () => state.checker.inspect(withoutExports(code), offset, withSource)),
    completeness: async (code) => undisturbed(state, () => state.checker.completeness(withoutExports(code))),
    interrupt: () =>
      undisturbed(state, () => {
        for (const interrupt of state.running) interrupt();
      }),
    close: async () => close(state, undo),
  };
}

function close(state: State, undo: readonly (() => void)[]): void {
  for (const back of undo) back();
  setBridge(undefined);
  state.loader.close();
  state.evaluator.close();
  open = undefined;
}

function bridge(state: State): Bridge {
  const url = pathToFileURL(`${state.folder}/cell.ts`).href;
  return {
    load: async (specifier, options) => {
      if (specifier === "tslab") bridgeTslab();
      return state.loader.load(specifier, options);
    },
    require: createRequire(url),
    use: useResource,
    meta: { url, dirname: state.folder, filename: `${state.folder}/cell.ts` },
    take: state.evaluator.take,
    display: displayWith(state.recipes.host),
    clear: (wait) => emit({ type: "clear", wait }),
    ask,
    comms: state.comms,
  };
}

/** Runs code of the kernel while a cell may be awaiting: a termination must not hit the type program. */
function undisturbed<T>(state: State, body: () => T): T {
  state.onPhase(KERNEL);
  try {
    return body();
  } finally {
    state.onPhase(phaseOf(state));
  }
}

const phaseOf = ({ running }: State): Phase => (running.size > 0 ? CELL : KERNEL);

async function execute(state: State, code: string, options: CellOptions): Promise<ExecuteResult> {
  const count = options.count ?? state.count + 1;
  state.count = count;
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  state.begun = begun;
  const run = newRun(count, options, options.onQuestion !== undefined);
  const aborted = () => report(run, "aborted", interruptFailure());
  try {
    return await untilInterrupted(state, run, aborted, () => runCell(state, run, code, begin), options.signal);
  } finally {
    dropUnset();
    begin();
  }
}

async function receive(state: State, message: CommMessage, sinks: CommSinks): Promise<void> {
  const run = newRun(state.count, sinks, true);
  const listen = async () => {
    // A cell that came before this message may be about to add the listener that it is for, and one that comes later must
    // find what it does: its turn is taken at once and not after the wait.
    await Promise.all([state.begun, nextTurn()]);
    if (run.interrupted) return never;
    state.onPhase(CELL);
    try {
      await within(run, () => state.comms.receive(message));
      endRun(run, "ok");
    } catch (error) {
      if (!run.interrupted) report(run, "error", thrownFailure(error, state.cells));
    }
  };
  await untilInterrupted(state, run, () => void report(run, "aborted", interruptFailure()), listen);
}

const newRun = (count: number, { cell, onOutput, onComm, onQuestion }: CellOptions, isAttended: boolean): CellRun => ({
  ...{ count, cell, emit: onOutput, sendComm: onComm, ask: onQuestion, isAttended, interrupted: false },
  ...{ waits: new Map(), ends: new Set(), resources: new AsyncDisposableStack() },
});

/** The outcome of code of cells, or `aborted` once it is interrupted. */
async function untilInterrupted<T>(
  state: State,
  run: CellRun,
  aborted: () => T,
  body: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  const interrupt = () => {
    if (!state.running.delete(interrupt)) return;
    interruptRun(run);
    state.leftovers.watch();
    resolve(aborted());
  };
  state.running.add(interrupt);
  if (signal?.aborted) interrupt();
  signal?.addEventListener("abort", interrupt);
  try {
    // A terminated cell never ends: what waits for it is dropped with it, and the interrupt's own promise ends the race.
    // Nor may a termination hit what comes after the cell.
    return await Promise.race([promise, body().finally(() => state.onPhase(KERNEL))]);
  } finally {
    state.running.delete(interrupt);
    state.onPhase(phaseOf(state));
    signal?.removeEventListener("abort", interrupt);
  }
}

async function runCell(state: State, run: CellRun, code: string, begin: () => void): Promise<ExecuteResult> {
  const prepared = run.interrupted ? undefined : undisturbed(state, () => prepare(state, run, code));
  // An interrupt that came during the check is waiting for its turn.
  await nextTurn();
  await state.leftovers.settle();
  if (prepared === undefined || run.interrupted) return never;
  if ("failure" in prepared) return report(run, "error", prepared.failure);
  const text = `${prepared.code}\n//# sourceURL=${cellName(run.count)}`;
  announce(prepared.constants);
  state.onPhase(CELL);
  const evaluated = within(run, () => state.evaluator.evaluate(text));
  begin();
  const outcome = await disposed(run, await evaluated);
  if (run.interrupted) return never;
  const result = await finish(state, run, prepared, outcome);
  if (result.status === "ok") state.recipes.ended(run.count);
  endRun(run, "ok");
  return result;
}

/** What an interrupted cell returns to a race that is over. */
const never = new Promise<never>(() => {});

/** Checks the cell and makes its script. */
function prepare(state: State, run: CellRun, code: string): Script | { readonly failure: Failure } {
  endShown(run);
  state.loader.refresh();
  state.host.renew();
  try {
    const source = withoutExports(code);
    const { problems, names, keep } = state.checker.check(source);
    if (problems.length > 0) return { failure: typeFailure(problems, code, run.count) };
    const script = toScript(source, names);
    state.cells.set(run.count, { code, origin: script.origin });
    // Kept even if the cell then throws: what it had declared by then exists, and a type error would hide that.
    keep();
    return script;
  } catch (error) {
    return { failure: thrownFailure(error, state.cells) };
  }
}

async function finish(state: State, run: CellRun, script: Script, outcome: Outcome): Promise<ExecuteResult> {
  if (outcome.kind === "thrown") return report(run, "error", failure(state, run, outcome));
  if (!script.endsWithExpression || outcome.value === undefined) return { status: "ok", count: run.count };
  try {
    await showResult(run, outcome.value, state.recipes.host);
    if (run.interrupted) return never;
    return { status: "ok", count: run.count };
  } catch (error) {
    return report(run, "error", thrownFailure(error, state.cells));
  }
}

function failure(state: State, run: CellRun, outcome: Outcome & { kind: "thrown" }): Failure {
  const { line, column } = outcome;
  const place = line === undefined || column === undefined ? undefined : { count: run.count, line, column };
  return thrownFailure(outcome.error, state.cells, place);
}

/** Reports an error that no code was there to catch, on the standard error of the cell that caused it. */
export function reportStray(error: unknown): void {
  const text = `${thrownFailure(error, open?.cells ?? new Map()).traceback.join("\n")}\n`;
  currentRun()?.emit({ type: "output", output: { output_type: "stream", name: "stderr", text } });
}
