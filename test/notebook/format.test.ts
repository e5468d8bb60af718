import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { formatNotebook } from "../../src/notebook/write.ts";

const minimal = (cell: unknown): string =>
  JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] });

const refused = (text: string): string => {
  try {
    parseNotebook(text, "x.ipynb");
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    expect(message).toMatch(/^x\.ipynb: /);
    expect(message).not.toContain("\n");
    return message;
  }
  throw new Error("this was not refused");
};

describe("a notebook file that is not one", () => {
  test("is named with the line where a truncated file ends", () => {
    const whole = formatNotebook(
      parseNotebook(minimal({ cell_type: "markdown", metadata: {}, source: ["a\n", "b"] }), ""),
    );
    const part = whole.slice(0, whole.indexOf('"metadata"'));
    expect(refused(part)).toContain(`line ${part.split("\n").length}`);
  });

  test("is refused whatever prefix of it is left", () => {
    const whole = formatNotebook(
      parseNotebook(minimal({ cell_type: "code", metadata: {}, source: "1", outputs: [] }), ""),
    );
    for (let n = 0; n < whole.trimEnd().length; n++) refused(whole.slice(0, n));
  });

  test("is refused if its format is another", () => {
    expect(refused('{"nbformat":3,"worksheets":[]}')).toContain("3 is given, 4 is allowed");
  });

  test.each([
    ["a cell that is no object", 7, "cell 1"],
    ["an unknown cell type", { cell_type: "heading", source: "" }, "code, markdown and raw are allowed"],
    ["source that is no text", { cell_type: "markdown", source: { a: 1 } }, "cell 1, source"],
    ["a line that is no text", { cell_type: "markdown", source: ["a", 1] }, "cell 1, source"],
    ["a code cell without outputs", { cell_type: "code", source: "" }, "cell 1, outputs"],
    ["an unknown output", { cell_type: "code", source: "", outputs: [{ output_type: "pyout" }] }, "cell 1, output 1"],
    [
      "markup that is no text",
      { cell_type: "code", source: "", outputs: [{ output_type: "display_data", data: { "text/html": 5 } }] },
      "output 1, data, text/html",
    ],
  ])("names the place of %s", (_, cell, place) => {
    expect(refused(minimal(cell))).toContain(place);
  });

  test("does not overflow the stack, however deep it is nested", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(refused(`{"nbformat":4,"metadata":{"x":${deep}},"cells":[]}`)).toContain("nested deeper");
  });

  test("cannot reach the prototypes of other objects", () => {
    const text = '{"nbformat":4,"metadata":{"__proto__":{"bad":1}},"cells":[]}';
    formatNotebook(parseNotebook(text, "x.ipynb"));
    expect(({} as { bad?: number }).bad).toBeUndefined();
  });
});

describe("reading", () => {
  test("joins text that is stored as lines", () => {
    const nb = parseNotebook(minimal({ cell_type: "markdown", metadata: {}, source: ["a\n", "b"] }), "x");
    expect(nb.cells[0]!.source).toBe("a\nb");
  });

  test("gives cells without an id, and cells with a copied id, ids of their own", () => {
    const cell = { cell_type: "markdown", source: "", metadata: {} };
    const text = JSON.stringify({
      nbformat: 4,
      metadata: {},
      cells: [cell, { ...cell, id: "a" }, { ...cell, id: "a" }],
    });
    expect(parseNotebook(text, "x").cells.map((c) => c.id)).toEqual(["cell-1", "a", "cell-3-2"]);
  });
});

describe("writing", () => {
  const folder = new URL("fixtures/", import.meta.url);
  const inputs = readdirSync(new URL("in/", folder));

  test.each(inputs)("%s gives the stored bytes", (name) => {
    const nb = parseNotebook(readFileSync(new URL(`in/${name}`, folder), "utf8"), name);
    const out = readFileSync(new URL(`out/${name}`, folder), "utf8");
    expect(formatNotebook(nb)).toBe(out);
    expect(formatNotebook(parseNotebook(out, name))).toBe(out);
  });
});
