/**
 * A program that starts a session whose cell never ends, and tells the session's process id. Killed by its test.
 */

import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";

const session = startSession(PROJECT_ROOT);
await session.execute("console.log(process.pid); while (true) {}", {
  onOutput(event) {
    if (event.type === "output" && event.output.output_type === "stream") process.send?.(Number(event.output.text));
  },
});
