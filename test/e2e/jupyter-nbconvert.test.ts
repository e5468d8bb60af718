/**
 * Notebooks through nbconvert: run, as a page, as a program. Needs Debian's jupyter-nbconvert; skipped without it unless
 * PTLAB_REQUIRE_ALL is set.
 */
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelMetadata } from "../../src/jupyter/install/kernelspec.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { FIGURE, SIZES } from "./figure-cells.ts";
import { type JupyterPlace, missingPackages, newJupyterPlace } from "./jupyter-place.ts";

const missing = missingPackages({ nbconvert: "jupyter-nbconvert" });

const CELLS = [SIZES, FIGURE, `console.log("largest", Math.max(...sizes.map(({ bytes }) => bytes)));`];

describe.skipIf(missing !== "")(`in nbconvert${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  beforeAll(async () => {
    place = await newJupyterPlace();
    await place.notebook("cells.ipynb", CELLS, { kernelspec: kernelMetadata().kernelspec });
    await convert("--execute", "--to", "notebook", "--output", "ran.ipynb", "cells.ipynb");
  });
  afterAll(() => place.close());

  async function convert(...args: string[]): Promise<void> {
    const { status, err } = await place.python(["-m", "nbconvert", ...args]);
    expect([status, err]).toEqual([0, expect.stringContaining("Writing")]);
    expect(await place.processes()).toEqual([]);
  }

  const read = (name: string) => readFile(join(place.folder, name), "utf8");

  test("a notebook is run and keeps its outputs", async () => {
    const { cells, metadata } = parseNotebook(await read("ran.ipynb"), "ran.ipynb");
    expect(metadata).toEqual(kernelMetadata());
    expect(cells.map((cell) => cell.cell_type === "code" && cell.outputs)).toMatchObject([
      [],
      [{ output_type: "execute_result", data: { "image/svg+xml": expect.stringContaining("Page sizes") } }],
      [{ output_type: "stream", text: "largest 2097152\n" }],
    ]);
  });

  test("the page shows the figure as a picture, and TypeScript in colours", async () => {
    await convert("--to", "html", "ran.ipynb");
    const page = await read("ran.html");
    // Of a picture that is no part of a page, nbconvert 6.5 keeps only the words.
    expect(page).toMatch(/<figure[^>]*><svg [^>]*class="ptlab-plot"[\s\S]*Page sizes[\s\S]*<rect[\s\S]*<\/svg>/);
    // The classes of Pygments for reserved words, types and strings.
    expect(page).toContain('<span class="kd">const</span>');
    expect(page).toContain('<span class="kt">string</span>');
    expect(page).toContain('<span class="s2">"ptlab"</span>');
  });

  test("the program is a TypeScript file that runs here", async () => {
    await convert("--to", "script", "ran.ipynb");
    const program = (await read("ran.ts")).replace(
      'from "ptlab"',
      `from ${JSON.stringify(import.meta.resolve("../../src/index.ts"))}`,
    );
    const file = await place.write("program.ts", program);
    expect(execFileSync(process.execPath, [file], { encoding: "utf8" })).toBe("largest 2097152\n");
  });

  test("a cell that fails ends the conversion with its error and status 1", async () => {
    await place.notebook("bad.ipynb", ["1", 'throw new RangeError("far")'], kernelMetadata());
    const { status, err } = await place.python(["-m", "nbconvert", "--execute", "--to", "notebook", "bad.ipynb"]);
    expect(status).toBe(1);
    expect(err).toMatch(/RangeError: far/);
    expect(await place.processes()).toEqual([]);
  });
});
