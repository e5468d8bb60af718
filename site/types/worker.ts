// Type check of edited cells on the reader's machine: loads TypeScript and the type environment, and then answers.

import { giveTypeScript } from "../../src/jupyter/cells/typescript.ts";
import { fetched, messageOf } from "../errors.ts";
import { answersFrom } from "./answers.ts";
import { COMPILER, ENVIRONMENT } from "./files.ts";
import type { Answer, Ask, Questions } from "./messages.ts";

async function start(): Promise<Questions> {
  const [compiler, environment] = await Promise.all([
    import(/* @vite-ignore */ import.meta.env.BASE_URL + COMPILER),
    fetched("the types", import.meta.env.BASE_URL + ENVIRONMENT).then((response) => response.json()),
  ]);
  giveTypeScript(compiler.default);
  return answersFrom(environment);
}

const answers = start();

self.addEventListener("message", async ({ data }: MessageEvent<Ask>) => self.postMessage(await answer(data)));

async function answer({ id, name, given }: Ask): Promise<Answer> {
  try {
    const ask = (await answers)[name] as (...given: Ask["given"]) => ReturnType<Questions[keyof Questions]>;
    return { id, result: ask(...given) };
  } catch (error) {
    return { id, error: messageOf(error) };
  }
}
