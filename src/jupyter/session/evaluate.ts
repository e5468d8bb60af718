/**
 * Runs a script the way a console does: the engine's REPL mode gives top-level await in a script that declares global
 * variables, and the value of its last expression. Reached through Node's inspector, which is the only door to that mode.
 */
import { type Runtime, Session } from "node:inspector";
import { promiseHooks } from "node:v8";
import { BRIDGE } from "./bridge.ts";
import type { Outcome } from "./finish.ts";

/** Evaluates scripts in the global scope of this process. */
export interface Evaluator {
  /** The bridge's `take`; the session puts it into its bridge. */
  take(value: unknown): void;
  /** Runs a script that carries its own name. Never resolves if the script is terminated. */
  evaluate(script: string): Promise<Outcome>;
  close(): void;
}

const GROUP = "ptlab";

/** An evaluator on an inspector session of its own. */
export function createEvaluator(): Evaluator {
  const inspector = new Session();
  inspector.connect();
  let taken: unknown;
  const value = (object: Runtime.RemoteObject): unknown => {
    if (object.objectId === undefined) return primitive(object);
    const functionDeclaration = `function () { "use strict"; ${BRIDGE}.take(this); }`;
    inspector.post("Runtime.callFunctionOn", { objectId: object.objectId, functionDeclaration, silent: true });
    return taken;
  };
  return {
    take(object) {
      taken = object;
    },
    close: () => inspector.disconnect(),
    evaluate: (expression) =>
      new Promise((resolve) => {
        const release = holdNextPromise();
        const options = { expression, replMode: true, awaitPromise: true, objectGroup: GROUP };
        inspector.post("Runtime.evaluate", options, (failure, reply) => {
          release();
          // A failure is a termination, which the session learns of in another way.
          if (failure === null) resolve(outcome(reply as Runtime.EvaluateReturnType, value));
          taken = undefined;
          inspector.post("Runtime.releaseObjectGroup", { objectGroup: GROUP });
        });
      }),
  };
}

const held = new Set<Promise<unknown>>();

/**
 * Keeps the next promise that is made until it is released: that of the script itself. Were it collected, as happens
 * when an interrupted cell waits for nothing any more, the inspector would tell so from within the garbage collection,
 * where no code may run, and the process would end.
 */
function holdNextPromise(): () => void {
  let promise: Promise<unknown> | undefined;
  const stop = promiseHooks.onInit((made) => {
    promise ??= made as Promise<unknown>;
    held.add(promise);
    stop();
  });
  return () => {
    stop();
    if (promise !== undefined) held.delete(promise);
  };
}

function outcome(reply: Runtime.EvaluateReturnType, value: (object: Runtime.RemoteObject) => unknown): Outcome {
  const thrown = reply.exceptionDetails;
  if (thrown === undefined) return { kind: "value", value: value(reply.result) };
  const error = thrown.exception === undefined ? new Error(thrown.text) : value(thrown.exception);
  // The inspector knows the place of wrong syntax alone, and tells of all else that it was at the very start.
  if (thrown.scriptId === undefined) return { kind: "thrown", error };
  return { kind: "thrown", error, line: thrown.lineNumber + 1, column: thrown.columnNumber + 1 };
}

function primitive(object: Runtime.RemoteObject): unknown {
  if (object.type === "undefined") return undefined;
  const text = object.unserializableValue;
  if (text === undefined) return object.value;
  return object.type === "bigint" ? BigInt(text.slice(0, -1)) : Number(text);
}
