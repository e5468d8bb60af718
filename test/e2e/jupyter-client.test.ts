/**
 * The kernel under jupyter_client, which all front ends in Python stand on: questions, interrupt, restart, history, end.
 * Needs Debian's python3-jupyter-client; skipped without it unless PTLAB_REQUIRE_ALL is set.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type JupyterPlace, missingPackages, newJupyterPlace } from "./jupyter-place.ts";

const missing = missingPackages({ jupyter_client: "python3-jupyter-client" });

describe.skipIf(missing !== "")(`Under jupyter_client${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  let seen: Record<string, unknown>;

  beforeAll(async () => {
    place = await newJupyterPlace();
    const { out, err } = await place.python([join(PROJECT_ROOT, "test", "e2e", "jupyter-client.py")]);
    expect(out, err).not.toBe("");
    seen = JSON.parse(out);
  });
  afterAll(() => place.close());

  test("a cell asks and is answered, and is refused where nobody can be asked", () => {
    expect(seen.question).toEqual({ prompt: "say: ", password: false });
    expect(seen.answered).toEqual(["'forty-two'"]);
    expect(seen.refused).toBe("StdinNotImplementedError");
  });

  test("an endless cell is interrupted", () => {
    expect(seen.interrupted).toBe("Interrupted");
  });

  test("a restart forgets variables and the count, and the history goes on in a new session", () => {
    expect(seen.restarted).toEqual(["TypeCheckError", 1]);
    expect(seen.history).toEqual([
      [1, 4, "let before = 1;"],
      [2, 1, "before"],
    ]);
  });

  test("a shutdown is answered and ends the process", () => {
    expect(seen.shutdown).toEqual({ status: "ok", restart: false });
    expect(seen.alive).toBe(false);
  });
});
