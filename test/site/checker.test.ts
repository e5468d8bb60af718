/**
 * The page's side of the type check, with a worker that is told what to say.
 */
import { afterEach, expect, test, vi } from "vitest";
import { openChecker } from "../../site/types/checker.ts";
import type { Ask } from "../../site/types/messages.ts";

let worker: MadeUpWorker;

class MadeUpWorker extends EventTarget {
  readonly asked: Ask[] = [];

  constructor() {
    super();
    worker = this;
  }

  postMessage(ask: Ask): void {
    this.asked.push(ask);
  }

  fail(message?: string): void {
    this.dispatchEvent(Object.assign(new Event("error"), { message }));
  }
}

afterEach(() => vi.unstubAllGlobals());

function open() {
  vi.stubGlobal("Worker", MadeUpWorker);
  return openChecker()!;
}

test("an answer goes to the question with its number", async () => {
  const checker = open();
  const [first, second] = [checker.check("first"), checker.check("second")];
  for (const { id, given } of worker.asked.toReversed())
    worker.dispatchEvent(new MessageEvent("message", { data: { id, result: [`of ${given[0]}`] } }));
  expect(await Promise.all([first, second])).toEqual([["of first"], ["of second"]]);
});

test("a worker that failed refuses what was asked and all that is asked later", async () => {
  const checker = open();
  const before = checker.check("1");
  worker.fail("no such file");
  await expect(before).rejects.toThrow("no such file");
  await expect(checker.check("2")).rejects.toThrow("no such file");
  expect(worker.asked).toHaveLength(1);
});

test("a cell whose commit nobody waits for is no error of the page", async () => {
  const strays = vi.fn();
  process.on("unhandledRejection", strays);
  const checker = open();
  checker.commit("1");
  worker.fail();
  checker.commit("2");
  await new Promise(setImmediate);
  process.off("unhandledRejection", strays);
  expect(strays).not.toHaveBeenCalled();
});

test("a reader who saves data gets no checker, and no worker is made", () => {
  const made = vi.fn();
  vi.stubGlobal("Worker", made);
  vi.stubGlobal("navigator", { connection: { saveData: true } });
  expect(openChecker()).toBeUndefined();
  expect(made).not.toHaveBeenCalled();
});
