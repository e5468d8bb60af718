/**
 * The type check of edited cells as the page sees it. It is TypeScript and a quarter of a megabyte of declarations in a
 * worker of its own, so it is opened when a reader has begun to edit, and never for a reader who saves data.
 */
import type { Answer, Ask, Questions } from "./messages.ts";

/** Answers about cells in the scope of the cells that were committed. Questions are answered in their order. */
export type PageChecker = {
  readonly [Name in keyof Questions]: (...given: Parameters<Questions[Name]>) => Promise<ReturnType<Questions[Name]>>;
} & {
  /** Ends the worker; what was asked and not answered stays so. */
  close(): void;
};

/** True if the reader's browser says that they save data. */
const savesData = (): boolean =>
  (navigator as { connection?: { readonly saveData?: boolean } }).connection?.saveData === true;

/** Opens a checker, which begins to load; undefined for a reader who saves data. */
export function openChecker(): PageChecker | undefined {
  if (savesData()) return undefined;
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
    const { resolve, reject } = waiting.get(data.id)!;
    waiting.delete(data.id);
    if ("error" in data) reject(new Error(data.error));
    else resolve(data.result);
  });
  worker.addEventListener("error", ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(message || "the type check cannot be loaded"));
    waiting.clear();
  });
  const ask =
    <Name extends keyof Questions>(name: Name) =>
    (...given: Parameters<Questions[Name]>): Promise<ReturnType<Questions[Name]>> => {
      const answer = Promise.withResolvers<ReturnType<Questions[Name]>>();
      waiting.set(++asked, answer as PromiseWithResolvers<unknown>);
      worker.postMessage({ id: asked, name, given } as Ask);
      return answer.promise;
    };
  return {
    check: ask("check"),
    commit: ask("commit"),
    forget: ask("forget"),
    complete: ask("complete"),
    inspect: ask("inspect"),
    close: () => worker.terminate(),
  };
}
