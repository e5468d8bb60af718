/**
 * `execute_request`: runs a cell and publishes what it puts out, as caused by the request that started it.
 */
import type { OutputEvent } from "../../notebook/outputs.ts";
import type { ExecuteResult } from "../../notebook/session.ts";
import type { Question } from "../cell-run.ts";
import type { History } from "./history.ts";
import type { Exchange, Handler, SessionSlot } from "./kernel.ts";
import { publisher } from "./publish.ts";
import type { Stdin } from "./stdin.ts";

/** An execute request with nothing left out. */
interface Wish {
  readonly code: string;
  readonly silent: boolean;
  readonly keep: boolean;
  readonly stopOnError: boolean;
  readonly canAsk: boolean;
  readonly expressions: Readonly<Record<string, string>>;
}

interface Runner {
  readonly slot: SessionSlot;
  readonly history: History;
  readonly stdin: Stdin;
  count: number;
  /** Requests up to this number are aborted, because a cell before them has failed. */
  abortUpTo: number;
  received: number;
  last: Promise<unknown>;
}

/** Answers `execute_request`, one after another. */
export function executeHandler(slot: SessionSlot, history: History, stdin: Stdin): Handler {
  const runner: Runner = { slot, history, stdin, count: 0, abortUpTo: 0, received: 0, last: Promise.resolve() };
  return (exchange) => {
    const number = ++runner.received;
    const turn = runner.last.then(() => execute(runner, exchange, number));
    runner.last = turn.catch(() => {});
    return turn;
  };
}

async function execute(runner: Runner, exchange: Exchange, number: number): Promise<object> {
  if (number <= runner.abortUpTo) return { status: "aborted" };
  const wish = readWish(exchange.content);
  const count = wish.keep ? ++runner.count : runner.count + 1;
  if (wish.keep) runner.history.add({ count, code: wish.code });
  if (!wish.silent) exchange.publish("execute_input", { code: wish.code, execution_count: count });
  const result = await run(runner, exchange, wish, count);
  if (result.status !== "ok") {
    const { ename, evalue, traceback } = result;
    return { status: "error", execution_count: count, ename, evalue, traceback };
  }
  const expressions = await evaluateAll(runner, wish.expressions, count);
  return { status: "ok", execution_count: count, user_expressions: expressions, payload: [] };
}

async function run(runner: Runner, exchange: Exchange, wish: Wish, count: number): Promise<ExecuteResult> {
  const session = runner.slot.current();
  const { onOutput: put, onComm, flush } = publisher(exchange);
  const onOutput = wish.silent ? () => {} : put;
  const dialogue = runner.stdin.dialogue(exchange);
  const ask = (question: Question) => {
    flush();
    return dialogue.ask(question);
  };
  const options = { onOutput, onComm, onQuestion: wish.canAsk ? ask : undefined, count };
  const result: ExecuteResult =
    wish.code.trim() === "" ? { status: "ok", count } : await session.execute(wish.code, options);
  dialogue.close();
  flush();
  if (result.ename === "SessionEnded") runner.slot.renew();
  if (result.status !== "ok" && wish.stopOnError) runner.abortUpTo = runner.received;
  return result;
}

function readWish(content: Exchange["content"]): Wish {
  const silent = content.silent === true;
  const given = content.user_expressions;
  return {
    code: String(content.code ?? ""),
    silent,
    keep: !silent && content.store_history !== false,
    canAsk: content.allow_stdin === true,
    stopOnError: content.stop_on_error !== false,
    expressions: typeof given === "object" && given !== null ? (given as Record<string, string>) : {},
  };
}

/** Evaluates the expressions that a front end wants besides the cell, each with its own success or failure. */
async function evaluateAll(runner: Runner, expressions: Wish["expressions"], count: number): Promise<object> {
  const answers: Record<string, object> = {};
  for (const [name, expression] of Object.entries(expressions)) {
    let shown: object = { data: {}, metadata: {} };
    const onOutput = (event: OutputEvent) => {
      if (event.type === "output" && event.output.output_type === "execute_result")
        shown = { data: event.output.data, metadata: event.output.metadata };
    };
    const { status, ename, evalue, traceback } = await runner.slot.current().execute(expression, { onOutput, count });
    answers[name] = status === "ok" ? { status, ...shown } : { status: "error", ename, evalue, traceback };
  }
  return answers;
}
