/**
 * Lets code that was written for Node be built for the worker of a page: says what stands for each module of Node there.
 */
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const STANDS_FOR: Readonly<Record<string, string>> = {
  "node:async_hooks": here("kernel.ts"),
  "node:crypto": here("kernel.ts"),
  "node:fs/promises": here("kernel.ts"),
  "node:timers": here("kernel.ts"),
};

/** For builds of browser code alone: pages are rendered by Node. */
export function nodeInWorkers(): Plugin {
  return {
    name: "ptlab-node-in-workers",
    enforce: "pre",
    applyToEnvironment: ({ name }) => name === "client",
    resolveId: {
      // Without it, the bundler waits for an answer about each import of each module.
      filter: { id: /^node:|^\.\.\/paths\.ts$/ },
      async handler(source, importer) {
        if (source === "node:util") return this.resolve("node-inspect-extracted", importer);
        if (source === "../paths.ts" && importer?.includes("/src/jupyter/")) return here("kernel.ts");
        return STANDS_FOR[source];
      },
    },
  };
}
