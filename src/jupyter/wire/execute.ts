/**
 * `execute_request`: runs a cell and publishes what it puts out, as caused by the request that started it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { OutputEvent } from "../../notebook/outputs.ts";
import type { ExecuteResult } from "../../notebook/session.ts";
import type { CellOptions } from "../session/cell-session.ts";
import { type ChildSession, SESSION_ENDED } from "../session/child-session.ts";
import type { Question } from "../session/run.ts";
import type { History } from "./history.ts";
import type { Exchange, Handler, SessionSlot } from "./kernel.ts";
import { type Inquiry, inquiryOf, page } from "./pager.ts";
import { publisher } from "./publish.ts";
import type { Stdin } from "./stdin.ts";

/** An execute request with nothing left out. */
interface Wish {
  readonly code: string;
  readonly silent: boolean;
  readonly keep: boolean;
  readonly stopOnError: boolean;
  readonly canAsk: boolean;
  readonly cell: string | undefined;
  readonly expressions: Readonly<Record<string, string>>;
}

interface Runner {
  readonly slot: SessionSlot;
  readonly history: History;
  readonly stdin: Stdin;
  /** Where the last cell has left its variables. */
  session?: ChildSession;
  count: number;
  /** Requests up to this number are aborted, because a cell before them has failed. */
  abortUpTo: number;
  received: number;
}

/** Answers `execute_request`, each in its turn. */
export function executeHandler(slot: SessionSlot, history: History, stdin: Stdin): Handler {
  const runner: Runner = { slot, history, stdin, count: 0, abortUpTo: 0, received: 0 };
  return async (exchange) => {
    const number = ++runner.received;
    await exchange.begin();
    return execute(runner, exchange, number);
  };
}

async function execute(runner: Runner, exchange: Exchange, number: number): Promise<object> {
  // Nothing but the status: with a count, a front end would number the cell as if it had run.
  if (number <= runner.abortUpTo) return { status: "aborted" };
  const wish = readWish(exchange);
  const count = wish.keep ? ++runner.count : runner.count + 1;
  if (wish.keep) runner.history.add(count, wish.code);
  if (!wish.silent) exchange.publish("execute_input", { code: wish.code, execution_count: count });
  const inquiry = inquiryOf(wish.code);
  if (inquiry !== undefined) return answerInquiry(runner, inquiry, count);
  const result = await run(runner, exchange, wish, count);
  if (result.status !== "ok") {
    const { ename, evalue, traceback } = result;
    return { status: "error", execution_count: count, ename, evalue, traceback };
  }
  const expressions = await evaluateAll(runner, wish.expressions);
  return { status: "ok", execution_count: count, user_expressions: expressions, payload: [] };
}

async function answerInquiry({ slot }: Runner, { name, withSource }: Inquiry, count: number): Promise<object> {
  const text = (await slot.current().inspect(name, name.length, withSource)) ?? `Nothing is known of ${name}.`;
  return { status: "ok", execution_count: count, user_expressions: {}, payload: [page(text)] };
}

async function run(runner: Runner, exchange: Exchange, wish: Wish, count: number): Promise<ExecuteResult> {
  const { onOutput: put, onComm, flush } = publisher(exchange);
  const onOutput = (event: OutputEvent) => {
    if (!wish.silent) put(event);
    if (wish.keep) keepResult(runner.history, count, event);
  };
  if (!wish.silent) tellOfLoss(runner, onOutput);
  const dialogue = runner.stdin.dialogue(exchange);
  const ask = (question: Question) => {
    flush();
    return dialogue.ask(question);
  };
  const options = { onOutput, onComm, onQuestion: wish.canAsk ? ask : undefined, cell: wish.cell };
  const result = await runCode(runner, wish.code, { ...options, count: wish.silent ? ASIDE : count });
  dialogue.close();
  flush();
  if (result.ename === SESSION_ENDED) runner.session = undefined;
  if (result.status === "ok" || !wish.stopOnError || wish.silent) return result;
  // Before the reply, behind which a front end may send what shall run. Where the session has ended, the kernel may be about to.
  if (result.ename !== SESSION_ENDED) await sleep(ON_THE_WAY);
  runner.abortUpTo = runner.received;
  return result;
}

/** Tells a cell of the loss of variables that no cell has told of: the session has ended while none was running. */
function tellOfLoss(runner: Runner, onOutput: CellOptions["onOutput"]): void {
  const session = runner.slot.current();
  if (runner.session !== undefined && runner.session !== session) {
    const text = "the session's process has ended since the last cell; its variables are gone\n";
    onOutput({ type: "output", output: { output_type: "stream", name: "stderr", text } });
  }
  runner.session = session;
}

/** How long what was sent together with a failing cell may take to arrive, in milliseconds: cells are run faster than it is sent. */
const ON_THE_WAY = 20;

/** What a front end runs on its own account must not take the number, and with it the tracebacks, of a person's cell. */
const ASIDE = 0;

async function runCode({ slot }: Runner, code: string, options: CellOptions & { count: number }) {
  const nothing: ExecuteResult = { status: "ok", count: options.count };
  return code.trim() === "" ? nothing : slot.current().execute(code, options);
}

function keepResult(history: History, count: number, event: OutputEvent): void {
  if (event.type !== "output" || event.output.output_type !== "execute_result") return;
  const text = event.output.data["text/plain"];
  if (typeof text === "string") history.addOutput(count, text);
}

function readWish({ content, metadata }: Exchange): Wish {
  const silent = content.silent === true;
  const given = content.user_expressions;
  return {
    code: String(content.code ?? ""),
    silent,
    keep: !silent && content.store_history !== false,
    canAsk: content.allow_stdin === true,
    // What JupyterLab and VS Code add; what runs silently is no cell.
    cell: typeof metadata.cellId === "string" && !silent ? metadata.cellId : undefined,
    stopOnError: content.stop_on_error !== false,
    expressions: typeof given === "object" && given !== null ? (given as Record<string, string>) : {},
  };
}

/** Evaluates the expressions that a front end wants besides the cell, each with its own success or failure. */
async function evaluateAll(runner: Runner, expressions: Wish["expressions"]): Promise<object> {
  const answers: Record<string, object> = {};
  for (const [name, expression] of Object.entries(expressions)) {
    let shown: object = { data: { "text/plain": "undefined" }, metadata: {} };
    const onOutput = (event: OutputEvent) => {
      if (event.type === "output" && event.output.output_type === "execute_result")
        shown = { data: event.output.data, metadata: event.output.metadata };
    };
    const result = await runCode(runner, String(expression), { onOutput, count: ASIDE });
    const { status, ename, evalue, traceback } = result;
    answers[name] = status === "ok" ? { status, ...shown } : { status: "error", ename, evalue, traceback };
  }
  return answers;
}
