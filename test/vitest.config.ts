import { defineConfig } from "vitest/config";

// Lives here and not at the top level, which holds only what a newcomer has to see.
export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // The default of one second is about a busy machine, and not about what is waited for.
    expect: { poll: { timeout: 20_000 } },
    // By default one core is kept free for an editor; a run of the whole suite has nobody to keep it for.
    maxWorkers: "100%",
  },
});
