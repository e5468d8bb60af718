/**
 * Debian's jupyter_kernel_test, the test suite of Jupyter's own for kernels in any language, with every check switched
 * on. Needs python3-jupyter-kernel-test; skipped without it unless PTLAB_REQUIRE_ALL is set.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type JupyterPlace, missingPackages, newJupyterPlace } from "./jupyter-place.ts";

const missing = missingPackages({ jupyter_kernel_test: "python3-jupyter-kernel-test" });

/** All that jupyter_kernel_test 0.4.5 asks of a kernel. */
const CHECKS = [
  ...["clear_output", "completion", "display_data", "error", "execute_result", "execute_stderr", "execute_stdout"],
  ...["history", "inspect", "is_complete", "kernel_info", "pager"],
];

describe.skipIf(missing !== "")(`Debian's jupyter_kernel_test${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  let report: string;

  beforeAll(async () => {
    place = await newJupyterPlace();
    report = (await place.python([join(PROJECT_ROOT, "test", "e2e", "jupyter-kernel-test.py")])).err;
  });
  afterAll(() => place.close());

  test.each(CHECKS)("passes its check of %s", (check) => {
    expect(report).toMatch(new RegExp(`^test_${check} .*ok$`, "m"));
  });

  test("skips and fails nothing", () => {
    expect(report).toMatch(new RegExp(`^Ran ${CHECKS.length} tests in .*\\n\\nOK\\n$`, "m"));
  });
});
