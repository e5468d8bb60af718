// Type check of edited cells on the reader's machine: loads TypeScript and the type environment, and then answers.

import { giveTypeScript } from "../../src/jupyter/cells/typescript.ts";
import { answersFrom } from "./answers.ts";
import { COMPILER, ENVIRONMENT } from "./files.ts";
import type { Answer, Ask, Questions } from "./messages.ts";

const folder = import.meta.env.BASE_URL;

async function start(): Promise<Questions> {
  const [compiler, environment] = await Promise.all([
    import(/* @vite-ignore */ `${folder}${COMPILER}`),
    fetch(`${folder}${ENVIRONMENT}`).then(jsonOf),
  ]);
  giveTypeScript(compiler.default);
  return answersFrom(environment);
}

async function jsonOf(response: Response) {
  if (!response.ok) throw new Error(`the types cannot be read: ${response.status} ${response.statusText}`);
  return response.json();
}

const answers = start();

self.addEventListener("message", async ({ data }: MessageEvent<Ask>) => self.postMessage(await answer(data)));

async function answer({ id, name, given }: Ask): Promise<Answer> {
  try {
    const ask = (await answers)[name] as (...given: Ask["given"]) => ReturnType<Questions[keyof Questions]>;
    return { id, result: ask(...given) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
