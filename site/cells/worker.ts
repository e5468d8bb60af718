// Runs the cells of a page: the simulator, the plotting library and all that cells may import, in a worker that can be ended.

import * as plot from "@observablehq/plot";
import { nearest } from "../../src/base/errors.ts";
import * as ptlab from "../../src/index.ts";
import type { Problem } from "../../src/jupyter/cells/checker.ts";
import { emit } from "../../src/jupyter/session/run.ts";
import { thrownFailure } from "../../src/jupyter/session/trace.ts";
import { COMPILER } from "../types/files.ts";
import { compileWith } from "./code/compile.ts";
import { plotDocument } from "./document.ts";
import * as jupyter from "./jupyter.ts";
import type { CellNews, RunCell } from "./messages.ts";
import { existsSync, readdirSync, readFileSync } from "./node/fs.ts";
import { gunzipSync } from "./node/zlib.ts";
import { openSession } from "./session.ts";

const withDefault = <T extends object>(module: T) => ({ ...module, default: module });

const MODULES: Readonly<Record<string, object>> = {
  ptlab,
  "ptlab/jupyter": jupyter,
  "@observablehq/plot": plot,
  "node:fs": withDefault({ readFileSync, readdirSync, existsSync }),
  "node:zlib": withDefault({ gunzipSync }),
};

async function load(specifier: string): Promise<object> {
  const name = specifier === "fs" || specifier === "zlib" ? `node:${specifier}` : specifier;
  if (Object.hasOwn(MODULES, name)) return MODULES[name]!;
  const near = nearest(specifier, Object.keys(MODULES));
  const hint = near === undefined ? "" : `; did you mean '${near}'?`;
  const allowed = Object.keys(MODULES).join(", ");
  throw new Error(`a cell in a page cannot import '${specifier}': ${allowed} are there${hint}`);
}

let problems: readonly Problem[] = [];

const host = { document: plotDocument(), build: __PTLAB_BUILD__ };

const session = openSession({
  load,
  compiler: async () => compileWith((await import(/* @vite-ignore */ import.meta.env.BASE_URL + COMPILER)).default),
  host: async () => host,
  meta: { url: self.location.href },
  checker: { check: async () => problems, commit: async () => {} },
});

/** Tells an error that no code was there to catch, on the standard error of the cell that ran last. */
function reportStray(error: unknown): void {
  const text = `${thrownFailure(error, new Map()).traceback.join("\n")}\n`;
  emit({ type: "output", output: { output_type: "stream", name: "stderr", text } });
}

self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  reportStray(event.reason);
});
self.addEventListener("error", (event) => {
  event.preventDefault();
  reportStray(event.error);
});

const tell = (news: CellNews) => self.postMessage(news);

self.addEventListener("message", async ({ data }: MessageEvent<RunCell>) => {
  const { code, count } = data;
  problems = data.problems;
  const { status } = await session.execute(code, {
    count,
    onOutput: (event) => tell({ type: "output", count, event }),
  });
  tell({ type: "end", count, isError: status !== "ok" });
});
