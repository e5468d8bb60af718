/**
 * The type check of edited cells as the page sees it. It is TypeScript and a quarter of a megabyte of declarations in a
 * worker of its own, so it is opened when a reader has begun to edit, and never for a reader who saves data.
 */
import type { Answer, Ask, Checker, Questions } from "./messages.ts";

/** True if the reader's browser says that they save data. */
const savesData = (): boolean =>
  (navigator as { connection?: { readonly saveData?: boolean } }).connection?.saveData === true;

/**
 * Opens a checker, which begins to load; undefined for a reader who saves data. Questions are answered in their order, each
 * in the scope of the cells that were committed; all are refused once the worker has failed.
 */
export function openChecker(): Checker | undefined {
  if (savesData()) return undefined;
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  let failure: Error | undefined;
  worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
    const { resolve, reject } = waiting.get(data.id)!;
    waiting.delete(data.id);
    if ("error" in data) reject(new Error(data.error));
    else resolve(data.result);
  });
  worker.addEventListener("error", ({ message }) => {
    failure = new Error(message || "the type check cannot be loaded");
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  });
  const ask =
    <Name extends keyof Questions>(name: Name) =>
    (...given: Parameters<Questions[Name]>): Promise<ReturnType<Questions[Name]>> => {
      if (failure !== undefined) return handled(Promise.reject(failure));
      const answer = Promise.withResolvers<ReturnType<Questions[Name]>>();
      waiting.set(++asked, answer as PromiseWithResolvers<unknown>);
      worker.postMessage({ id: asked, name, given } as Ask);
      return handled(answer.promise);
    };
  return {
    check: ask("check"),
    commit: ask("commit"),
    forget: ask("forget"),
    complete: ask("complete"),
    inspect: ask("inspect"),
  };
}

/** Nobody waits for a cell to be committed: that it failed is told by the next question, and is no error of the page. */
function handled<T>(answer: Promise<T>): Promise<T> {
  answer.catch(() => {});
  return answer;
}
