import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { MiB } from "../../src/base/size.ts";
import { type FigureOptions, figureCommand } from "../../src/cli/figure.ts";
import { liveFigures } from "../../src/figure/live/index.ts";
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import { readRecipe } from "../../src/figure/recipe.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { figureEffects, scratchFolder } from "./figure-effects.ts";

const file = scratchFolder();

async function run(id?: string, options: FigureOptions = {}): Promise<string> {
  const { effects, printed } = figureEffects();
  await figureCommand(id, options, effects);
  return printed.out;
}

test("without an id every live figure is listed with its parameters, their defaults and what they may be", async () => {
  const list = await run();
  for (const { id, title, params } of liveFigures) {
    expect(list).toContain(`${id}: ${title}\n`);
    for (const name of Object.keys(params)) expect(list).toContain(`\n  ${name}=`);
  }
  expect(list).toContain("  walkCache=true\n    Walk caches: true, false\n");
  expect(list).toContain("  seed=1\n    Seed: 1 to 99 in steps of 1\n");
  expect(list).toContain("  reads sort.ptt, sqlite.ptt, python.ptt\n");
});

test("a figure is a text table of 72 columns on standard output, made with what is set", async () => {
  const text = await run("entry-costs");
  for (const line of text.split("\n")) expect(line).toMatch(/^[ -~]{0,72}$/);
  expect(text).toContain("ptlab 0.0.0 (01234567)");
  const name = Object.entries(liveFigures.find(({ id }) => id === "folio-order")!.params);
  expect(name.map(([key]) => key)).toContain("seed");
  expect(await run("folio-order", { set: ["seed=7", "walkCache=false"] })).toContain("seed 7");
});

test("the ending of the file's name says what is written, and an existing file is replaced", async () => {
  writeFileSync(file("a.csv"), "old");
  await run("entry-costs", { out: file("a.csv") });
  await run("entry-costs", { out: file("a.txt") });
  await run("entry-costs", { out: file("a.svg"), width: "500" });
  expect(readFileSync(file("a.csv"), "utf8")).toMatch(/^[a-zA-Z_,]+\r\n/);
  expect(readFileSync(file("a.txt"), "utf8")).toBe(await run("entry-costs"));
  expect(readRecipe(readFileSync(file("a.svg"), "utf8"))).toMatchObject({ width: 500, live: { id: "entry-costs" } });
});

test.each([
  ["folio-ordr", {}, "unknown live figure 'folio-ordr': allowed are .*did you mean folio-order\\?"],
  ["folio-order", { set: ["sed=1"] }, "unknown parameter 'sed': allowed are .*did you mean seed\\?"],
  ["folio-order", { set: ["seed"] }, "bad --set 'seed': name=value is allowed"],
  ["folio-order", { set: ["seed=many"] }, "bad seed 'many': 1 to 99 in steps of 1 is allowed"],
  ["folio-order", { set: ["seed="] }, "bad seed '': 1 to 99"],
  ["folio-order", { set: ["walkCache=yes"] }, "bad walkCache 'yes': true or false is allowed"],
  ["folio-order", { set: ["pattern=randon"] }, "unknown pattern 'randon': .*did you mean random\\?"],
  ["folio-order", { out: "a.png" }, "unknown ending of a file 'png': allowed are svg, csv, txt"],
  ["folio-order", { out: "none/a.svg" }, "cannot write none/a.svg: there is no folder none"],
  ["folio-order", { width: "500" }, "--width is for pictures: give -o FILE.svg"],
  ["folio-order", { width: "5", out: "a.svg" }, "bad width '5': 200 to 4000 pixels are allowed"],
  ["folio-order", { input: ["x/y.ptt"] }, "x/y.ptt is no input of folio-order: it reads no file"],
  ["miss-curve", { input: ["x/y.ptt"] }, "x/y.ptt is no input of miss-curve: it reads python.ptt"],
  ["miss-curve", { input: ["none/python.ptt"] }, "cannot read none/python.ptt: no such file"],
  [undefined, { out: "a.svg" }, "options need a figure"],
] as const)("%s with %o is refused in one line, before any work, and writes nothing", async (id, options, message) => {
  await expect(run(id, options)).rejects.toThrow(new RegExp(`^${message}[^\n]*$`));
  expect(existsSync("a.svg") || existsSync("a.png")).toBe(false);
});

test("an input that is given stands in for the project's file of that name", async () => {
  writeFileSync(file("python.ptt"), "no trace");
  await expect(run("miss-curve", { input: [file("python.ptt")] })).rejects.toThrow(/python\.ptt/);
});

describe("a capture of the user's own", () => {
  const own = { set: [`capture=${OWN_CAPTURE.choice}`] };
  const sample = `${PROJECT_ROOT}/notebooks/data/python-sqlite.json.gz`;
  const tableOf = (text: string) => text.slice(text.indexOf("\n\n"), text.lastIndexOf("\n\n"));

  test.each(["mine.json.gz", "capture"])("is read from a file of any name, packed or not: %s", async (name) => {
    copyFileSync(sample, file(name));
    const made = await run("process-content", { ...own, input: [file(name)] });
    expect(tableOf(made)).toBe(tableOf(await run("process-content", { set: ["capture=python, no THP"] })));
  });

  test("is asked for where none is given, and only one is taken", async () => {
    await expect(run("process-content", own)).rejects.toThrow(
      /^process-content reads one file of your own, which --input gives: 0 are given$/,
    );
    const two = [file("a.json"), file("b.json")];
    await expect(run("process-content", { ...own, input: two })).rejects.toThrow(
      /^process-content reads one file of your own, which --input gives: 2 are given$/,
    );
  });

  test("may be as large as pages take", async () => {
    writeFileSync(file("large.json"), " ".repeat(8 * MiB + 1));
    await expect(run("process-content", { ...own, input: [file("large.json")] })).rejects.toThrow(/not JSON|empty/);
  });
});

test("an interrupt ends the thread that computes, and leaves nothing", async () => {
  const aborted = new AbortController();
  const { effects, printed } = figureEffects({ signal: aborted.signal, terminal: true });
  const made = figureCommand("walk-cost", { out: file("a.svg") }, effects);
  setTimeout(() => aborted.abort(new Error("interrupted")), 100);
  await expect(made).rejects.toThrow("interrupted");
  expect(printed.out).toBe("");
  expect(readdirSync(dirname(file("a.svg")))).toEqual([]);
});
