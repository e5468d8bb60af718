/**
 * Cutting declarations out of the sources: by name, whole, from the file as it is on disk.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { DISPLAY, type MimeBundle } from "../../src/figure/figure.ts";
import { source, sourceBeside } from "../../src/jupyter/display.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { sanitizeHtml } from "../../src/notebook/render/sanitize.ts";

const shown = (value: object) => (value as { [DISPLAY](): MimeBundle })[DISPLAY]() as Record<string, string>;
const onDisk = (path: string) => readFileSync(`${PROJECT_ROOT}/src/${path}`, "utf8");

describe("source", () => {
  test("a function comes whole, from its doc comment to its last brace, as it is on disk", () => {
    const { text } = source("base/tally.ts", "counts");
    expect(text).toMatch(/^\/\*\* The counts by name\./);
    expect(text).toMatch(/\}$/);
    expect(onDisk("base/tally.ts")).toContain(text);
  });

  test("a constant, a type and a class are found by their names too, in the order asked for", () => {
    const { text } = source("base/tally.ts", "EventName", "EVENTS");
    expect(text.indexOf("export type EventName")).toBeGreaterThan(0);
    expect(text.indexOf("export const EVENTS")).toBeGreaterThan(text.indexOf("export type EventName"));
    expect(source("machine/tables.ts", "Tables").text).toContain("export class Tables");
  });

  test("a method, and a property of a constant, lose the indentation of what they are a member of", () => {
    expect(source("machine/tables.ts", "Tables.alloc").text).toMatch(/\nalloc\(.*\{\n {2}\S[\s\S]*\n\}$/);
    expect(source("design/ptp-ops.ts", "ptp.idea").text).toMatch(/^idea: "/);
  });

  test("without a name it is the whole file", () => {
    expect(source("base/tally.ts").text).toBe(onDisk("base/tally.ts").trimEnd());
  });

  test("lines of code leave out empty lines and comments, and count each line of a literal", () => {
    const { text, codeLines } = source("base/tally.ts", "counts");
    expect(codeLines).toBe(text.split("\n").filter((line) => !/^\s*(\/\*\*.*|\*.*)?$/.test(line)).length);
    const whole = source("base/tally.ts");
    expect(whole.codeLines).toBeLessThan(whole.text.split("\n").length);
  });

  test("a notebook shows a fence of TypeScript under the file's name", () => {
    const bundle = shown(source("base/tally.ts", "newTally"));
    expect(bundle["text/markdown"]).toMatch(/^`src\/base\/tally\.ts`\n\n````ts\n[\s\S]*newTally[\s\S]*\n````\n$/);
    expect(bundle["text/plain"]).toContain("export function newTally");
  });

  test("a name that is not there is a user's mistake that names the nearest", () => {
    expect(() => source("base/tally.ts", "newTaly")).toThrow(UserError);
    expect(() => source("base/tally.ts", "newTaly")).toThrow(
      "unknown name in base/tally.ts 'newTaly'; did you mean newTally?",
    );
    expect(() => source("base/taly.ts")).toThrow("unknown source file 'base/taly.ts'; did you mean base/tally.ts?");
  });

  test("what does not count among a notebook's sources cannot be shown", () => {
    for (const path of ["../package.json", "cli.ts", "jupyter/source.ts", "base/../cli.ts"])
      expect(() => source(path), path).toThrow(UserError);
  });
});

describe("sourceBeside", () => {
  const beside = sourceBeside(["base/tally.ts", "newTally"], ["base/errors.ts", "broken", "invariant"]);

  test("each place is a column with its file's name and its fence", () => {
    const markdown = shown(beside)["text/markdown"]!;
    expect(markdown.match(/^<div>$/gm)).toHaveLength(2);
    expect(markdown.match(/^`src\/.*`$/gm)).toEqual(["`src/base/tally.ts`", "`src/base/errors.ts`"]);
    expect(markdown.match(/^````ts wrap$/gm)).toHaveLength(2);
  });

  test("a page keeps the class that its style sheet knows, and drops the style of notebook editors", () => {
    expect(sanitizeHtml(shown(beside)["text/markdown"]!)).toMatch(/^<div class="ptlab-beside">/);
  });
});
