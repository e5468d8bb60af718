/**
 * A session that runs cells in a realm without a kernel: a worker of a page, or a test. What surrounds a cell (its outputs,
 * values, errors, the end of what it uses) is the kernel's own code; only how the script is made and run differs.
 */
import type { Host } from "../../src/figure/figure.ts";
import { type Bridge, setBridge } from "../../src/jupyter/session/bridge.ts";
import { displayWith, disposed, type Outcome, report, showResult } from "../../src/jupyter/session/finish.ts";
import { announce, defineVariables, dropUnset, forget, takenNames } from "../../src/jupyter/session/globals.ts";
import { createRecipes, type Recipes } from "../../src/jupyter/session/recipes.ts";
import { ask, type CellRun, emit, endRun, useResource, within } from "../../src/jupyter/session/run.ts";
import {
  type CellText,
  cellName,
  type Failure,
  ownStacks,
  thrownFailure,
  typeFailure,
} from "../../src/jupyter/session/trace.ts";
import { createComms } from "../../src/jupyter/widgets/comms.ts";
import type { ExecuteOptions, ExecuteResult, Session } from "../../src/notebook/session.ts";
import type { Checker } from "../types/messages.ts";
import type { Compile } from "./code/compile.ts";
import { type Script, toScript } from "./code/script.ts";
import { captureConsole } from "./console.ts";

/** What the session needs from the place where it runs. */
export interface Place {
  /** What a cell's import gives. */
  load(specifier: string): Promise<unknown>;
  /** The TypeScript compiler, for the few cells that need it. */
  compiler(): Promise<Compile>;
  /** What figures are drawn with. */
  host(): Promise<Host>;
  /** What `import.meta` is in a cell. */
  readonly meta: Bridge["meta"];
  /** Lets only cells run that have no errors; all run where it is missing. */
  readonly checker?: Pick<Checker, "check" | "commit">;
}

interface State {
  readonly place: Place;
  readonly cells: Map<number, CellText>;
  readonly recipes: Recipes;
  /** Names that libraries look for, or that the realm has: a cell's variable is called otherwise. */
  readonly taken: ReadonlySet<string>;
  /** Names that cells have declared. */
  readonly known: Set<string>;
  /** What they are at run time. */
  readonly made: Set<string>;
  count: number;
}

/** Opens a session in this realm, which can hold one at a time. */
export function openSession(place: Place): Session {
  const cells = new Map<number, CellText>();
  const recipes = createRecipes(place.host, cells);
  const state: State = { place, cells, recipes, taken: takenNames(), known: new Set(), made: new Set(), count: 0 };
  const undo = [captureConsole(), ownStacks(state.cells)];
  setBridge(bridge(place, recipes));
  return {
    execute: (code, options) => execute(state, code, options),
    close: async () => {
      for (const back of undo) back();
      forget(state.made);
      setBridge(undefined);
    },
  };
}

function bridge({ load, meta }: Place, { host }: Recipes): Bridge {
  return {
    load,
    require: refuseRequire as unknown as NodeJS.Require,
    use: useResource,
    meta,
    take: () => {},
    display: displayWith(host),
    clear: (wait) => emit({ type: "clear", wait }),
    ask,
    comms: createComms(),
  };
}

function refuseRequire(): never {
  throw new Error("there is no require in a page: import works");
}

async function execute(state: State, code: string, options: ExecuteOptions): Promise<ExecuteResult> {
  const count = options.count ?? state.count + 1;
  state.count = count;
  const run: CellRun = {
    ...{ count, emit: options.onOutput, isAttended: false, interrupted: false },
    ...{ waits: new Map(), ends: new Set(), resources: new AsyncDisposableStack() },
  };
  const prepared = await ready(state, run, code);
  if ("failure" in prepared) return report(run, "error", prepared.failure);
  const outcome = await disposed(run, await evaluate(prepared, run));
  dropUnset();
  return finish(state, run, outcome);
}

/** Checks the cell and makes its script. */
async function ready(state: State, run: CellRun, code: string): Promise<Script | { readonly failure: Failure }> {
  const { place, cells, taken, known } = state;
  cells.set(run.count, { code, origin: (at) => at });
  try {
    const problems = (await place.checker?.check(code)) ?? [];
    if (problems.length > 0) return { failure: typeFailure(problems, code, run.count) };
    const script = await toScript(code, { taken, known }, place.compiler);
    await place.checker?.commit(code);
    cells.set(run.count, { code, origin: script.origin });
    for (const name of script.names) known.add(name);
    for (const name of [...script.variables, ...script.constants]) state.made.add(name);
    return script;
  } catch (error) {
    const { place: at } = error as { place?: { line: number; column: number } };
    return { failure: thrownFailure(error, cells, at && { count: run.count, ...at }) };
  }
}

/** Under another name than its own, the script sees the global scope and nothing of what calls it. */
// biome-ignore lint/security/noGlobalEval: to run what the reader wrote is what this is for
const evaluateGlobally: (script: string) => () => Promise<[unknown] | undefined> = globalThis.eval;

async function evaluate(script: Script, run: CellRun): Promise<Outcome> {
  defineVariables(script.variables);
  announce(script.constants);
  try {
    const body = evaluateGlobally(`${script.code}\n//# sourceURL=${cellName(run.count)}`);
    const given = await within(run, () => body.call(undefined));
    return { kind: "value", value: given?.[0] };
  } catch (error) {
    return { kind: "thrown", error };
  }
}

async function finish(state: State, run: CellRun, outcome: Outcome): Promise<ExecuteResult> {
  if (outcome.kind === "thrown") return report(run, "error", thrownFailure(outcome.error, state.cells));
  try {
    if (outcome.value !== undefined) await showResult(run, outcome.value, state.recipes.host);
  } catch (error) {
    return report(run, "error", thrownFailure(error, state.cells));
  }
  state.recipes.ended(run.count);
  endRun(run, "ok");
  return { status: "ok", count: run.count };
}
