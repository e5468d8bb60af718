/**
 * A session that runs TypeScript cells in this very process: checked by tslab's converter first, then evaluated. There
 * can be one at a time, since cells share the process's global scope; `child-session.ts` gives each its own process.
 */
import { setImmediate } from "node:timers";
import { pathToFileURL } from "node:url";
import type { ExecuteOptions, ExecuteResult, Session } from "../notebook/session.ts";
import { type Bridge, setBridge } from "./bridge.ts";
import { type CellRun, currentRun, emit, interruptRun, within } from "./cell-run.ts";
import { type Binding, type Script, STRICT_PREFIX, toScript, withoutExports } from "./cell-source.ts";
import { type Checker, type Completeness, type Completion, createChecker } from "./checker.ts";
import { CELL, KERNEL, type Phase } from "./child-protocol.ts";
import { createEvaluator, type Evaluator, type Outcome } from "./evaluate.ts";
import { reservedNames, takenName } from "./global-names.ts";
import { lazyHost } from "./host.ts";
import { createLoader, type ModuleLoader } from "./modules.ts";
import { present } from "./present.ts";
import { captureStreams } from "./streams.ts";
import { trackTimers } from "./timers.ts";
import { type CellText, cellName, type Failure, interruptFailure, thrownFailure, typeFailure } from "./trace.ts";
import { bridgeTslab } from "./tslab-display.ts";

/** A session that also answers an editor's questions, and that can be interrupted from outside. */
export interface CellSession extends Session {
  complete(code: string, offset: number): Promise<Completion>;
  /** Type and documentation of what is at the offset, or undefined. */
  inspect(code: string, offset: number): Promise<string | undefined>;
  completeness(code: string): Promise<Completeness>;
  /** Interrupts the running cell, if it lets this call through; a busy one has to be terminated first. */
  interrupt(): void;
}

interface State {
  readonly checker: Checker;
  readonly evaluator: Evaluator;
  readonly loader: ModuleLoader;
  readonly host: ReturnType<typeof lazyHost>;
  readonly cells: Map<number, CellText>;
  readonly bindings: Map<string, Binding>;
  readonly reserved: ReadonlySet<string>;
  readonly folder: string;
  onPhase(phase: Phase): void;
  count: number;
  /** Ends the wait for the running cell, while there is one. */
  interrupt?: () => void;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let open = false;

/**
 * Opens a session whose cells import relative to `folder`. Takes about a second. `onPhase` is told when a cell's code
 * may be running and when the kernel's is, so that another thread knows what it may terminate.
 */
export function openCellSession(folder: string, onPhase: (phase: Phase) => void = () => {}): CellSession {
  if (open) throw new Error("a session is open in this process; close it first or use a session of its own process");
  open = true;
  const reserved = reservedNames();
  const undo = [captureStreams(), trackTimers()];
  const state: State = {
    ...{ checker: createChecker(folder), evaluator: createEvaluator(), loader: createLoader(folder) },
    ...{ host: lazyHost(), cells: new Map(), bindings: new Map(), reserved, folder, onPhase, count: 0 },
  };
  setBridge(bridge(state));
  return {
    execute: (code, options) => execute(state, code, options),
    complete: async (code, offset) => undisturbed(state, () => state.checker.complete(withoutExports(code), offset)),
    inspect: async (code, offset) => undisturbed(state, () => state.checker.inspect(withoutExports(code), offset)),
    completeness: async (code) => undisturbed(state, () => state.checker.completeness(withoutExports(code))),
    interrupt: () => state.interrupt?.(),
    close: async () => close(state, undo),
  };
}

function close(state: State, undo: readonly (() => void)[]): void {
  for (const back of undo) back();
  setBridge(undefined);
  state.loader.close();
  state.evaluator.close();
  state.checker.close();
  open = false;
}

function bridge(state: State): Bridge {
  const url = pathToFileURL(`${state.folder}/cell.ts`).href;
  return {
    load: async (specifier, options) => {
      if (specifier === "tslab") bridgeTslab();
      return state.loader.load(specifier, options);
    },
    meta: { url, dirname: state.folder, filename: `${state.folder}/cell.ts` },
    take: state.evaluator.take,
    display: (value, options) => show(state, value, options),
    clear: (wait) => emit({ type: "clear", wait }),
  };
}

async function show(state: State, value: unknown, options: { id?: string; update?: boolean } = {}): Promise<void> {
  const data = await present(value, state.host.get);
  const { id, update } = options;
  if (update && id !== undefined) emit({ type: "update", displayId: id, data, metadata: {} });
  else emit({ type: "output", output: { output_type: "display_data", data, metadata: {} }, displayId: id });
}

/** Answers an editor while a cell may be awaiting: a termination must not hit the type program. */
function undisturbed<T>(state: State, body: () => T): T {
  state.onPhase(KERNEL);
  try {
    return body();
  } finally {
    if (state.interrupt !== undefined) state.onPhase(CELL);
  }
}

async function execute(state: State, code: string, options: ExecuteOptions): Promise<ExecuteResult> {
  const count = options.count ?? state.count + 1;
  state.count = count;
  const run: CellRun = { count, emit: options.onOutput, timers: new Map(), interrupted: false };
  const { promise, resolve } = Promise.withResolvers<ExecuteResult>();
  state.interrupt = () => {
    state.interrupt = undefined;
    interruptRun(run);
    resolve(ended(run, "aborted", interruptFailure()));
  };
  const interrupt = () => state.interrupt?.();
  if (options.signal?.aborted) interrupt();
  options.signal?.addEventListener("abort", interrupt);
  try {
    // A terminated cell never ends: what waits for it is dropped with it, and the interrupt's own promise ends the race.
    return await Promise.race([promise, runCell(state, run, code)]);
  } finally {
    state.onPhase(KERNEL);
    state.interrupt = undefined;
    options.signal?.removeEventListener("abort", interrupt);
  }
}

async function runCell(state: State, run: CellRun, code: string): Promise<ExecuteResult> {
  const prepared = run.interrupted ? undefined : prepare(state, run, code);
  // An interrupt that came during the check is waiting for its turn.
  await nextTurn();
  if (prepared === undefined || run.interrupted) return never;
  if ("failure" in prepared) return ended(run, "error", prepared.failure);
  const text = `${STRICT_PREFIX}${prepared.code}\n//# sourceURL=${cellName(run.count)}`;
  state.onPhase(CELL);
  const outcome = await within(run, () => state.evaluator.evaluate(text));
  return run.interrupted ? never : finish(state, run, prepared, outcome);
}

/** What an interrupted cell returns to a race that is over. */
const never = new Promise<never>(() => {});

/** Checks the cell and makes its script. */
function prepare(state: State, run: CellRun, code: string): Script | { readonly failure: Failure } {
  const source = withoutExports(code);
  const { problems, keep } = state.checker.check(source);
  if (problems.length > 0) return { failure: typeFailure(problems, code, run.count) };
  state.loader.refresh();
  state.host.renew();
  try {
    const script = toScript(source, state.bindings);
    const taken = takenName(script, state.reserved);
    if (taken !== undefined) return { failure: taken };
    state.cells.set(run.count, { code, map: script.map });
    // Kept even if the cell then throws: what it had declared by then exists, and a type error would hide that.
    keep();
    for (const [name, binding] of script.bindings) state.bindings.set(name, binding);
    return script;
  } catch (error) {
    return { failure: thrownFailure(error, state.cells) };
  }
}

async function finish(state: State, run: CellRun, script: Script, outcome: Outcome): Promise<ExecuteResult> {
  if (outcome.kind === "thrown") return ended(run, "error", failure(state, run, outcome));
  if (!script.endsWithExpression || outcome.value === undefined) return { status: "ok", count: run.count };
  try {
    const data = await within(run, () => present(outcome.value, state.host.get));
    if (run.interrupted) return never;
    const output = { output_type: "execute_result", execution_count: run.count, data, metadata: {} } as const;
    run.emit({ type: "output", output });
    return { status: "ok", count: run.count };
  } catch (error) {
    return ended(run, "error", thrownFailure(error, state.cells));
  }
}

function failure(state: State, run: CellRun, outcome: Outcome & { kind: "thrown" }): Failure {
  const { line, column } = outcome;
  const place = line === undefined || column === undefined ? undefined : { count: run.count, line, column };
  return thrownFailure(outcome.error, state.cells, place);
}

function ended(run: CellRun, status: "error" | "aborted", failure: Failure): ExecuteResult {
  run.emit({ type: "output", output: { output_type: "error", ...failure } });
  return { status, count: run.count, ...failure };
}

/** Reports an error that no code was there to catch, on the standard error of the cell that caused it. */
export function reportStray(error: unknown): void {
  const text = `${thrownFailure(error, new Map()).traceback.join("\n")}\n`;
  currentRun()?.emit({ type: "output", output: { output_type: "stream", name: "stderr", text } });
}
