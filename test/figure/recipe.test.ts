import { describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { random } from "../../src/base/random.ts";
import { display } from "../../src/figure/display.ts";
import { FIGURE_MIME } from "../../src/figure/figure.ts";
import { type Recipe, readRecipe, recipeOf } from "../../src/figure/recipe.ts";
import { toSvg } from "../../src/figure/render.ts";
import { groupedBars, powers, testHost } from "./samples.ts";

const host = testHost();
const cells = ["const a = 1 < 2 && '</metadata>';", "draw(a) // \u001b & &amp; ]]> \ud83d"];
const svg = toSvg(groupedBars(), { ...host, cells }, { width: 500 });

/** The picture with its recipe changed. */
function changed(change: Partial<Record<keyof Recipe, unknown>>): string {
  const recipe = JSON.stringify({ ...readRecipe(svg), ...change })
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");
  return svg.replace(/<metadata>.*<\/metadata>/s, () => `<metadata>${recipe}</metadata>`);
}

function refusal(text: string): string {
  try {
    readRecipe(text);
    return "accepted";
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).not.toContain("\n");
    return (error as Error).message;
  }
}

test("what is written into a picture is read out of it, whatever the cells hold", () => {
  expect(readRecipe(svg)).toEqual(JSON.parse(JSON.stringify(recipeOf(groupedBars(), { ...host, cells }, 500))));
  expect(readRecipe(svg).cells).toEqual([cells[0], `${cells[1]!.slice(0, -1)}\ud83d`]);
});

test("the data's digest follows every cell of the table and every column's definition, and nothing else", () => {
  const digestOf = (change: object) => recipeOf(groupedBars(change), host, 680).data;
  const { rows, columns } = groupedBars();
  const [first, ...rest] = rows;
  const same = digestOf({});
  expect(digestOf({ title: "Other", alt: "Other." })).toBe(same);
  expect(digestOf({ rows: [{ ...first!, slots: 262143 }, ...rest] })).not.toBe(same);
  expect(digestOf({ columns: columns.map((c, i) => (i === 0 ? { ...c, definition: "Another." } : c)) })).not.toBe(same);
});

test("a live figure's recipe is its parameters and the digests of its inputs by name, and no cell", async () => {
  const made = await powers.make({ base: 3 }, { "names.txt": "one" });
  const recipe = readRecipe(toSvg(made, { ...host, cells }));
  expect(recipe.live).toEqual({
    id: "powers",
    params: { base: 3, scale: "linear", zero: false },
    inputs: { "names.txt": expect.stringMatching(/^[0-9a-f]{16}$/) },
  });
  expect(recipe.cells).toBeUndefined();
  const other = await powers.make({ base: 3 }, { "names.txt": "two" });
  expect(readRecipe(toSvg(other, host)).live!.inputs).not.toEqual(recipe.live!.inputs);
});

test("cells are kept once, in the wide picture, and not at all where they are long", () => {
  const bundle = display(groupedBars(), { ...host, cells });
  expect(readRecipe(bundle["image/svg+xml"] as string).cells).toHaveLength(2);
  expect(readRecipe((bundle[FIGURE_MIME] as { narrow: string }).narrow).cells).toBeUndefined();
  expect(recipeOf(groupedBars(), { ...host, cells: ["x".repeat(2 ** 16)] }, 680).cells).toHaveLength(1);
  expect(recipeOf(groupedBars(), { ...host, cells: ["x".repeat(2 ** 16), "y"] }, 680).cells).toBeUndefined();
});

describe("a file that could not have been written here is refused in one line", () => {
  test.each([
    ["an empty file", "", "no picture drawn by ptlab"],
    ["text", "hello", "no picture drawn by ptlab"],
    ["a picture of another program", "<svg xmlns='x'><rect/></svg>", "no picture drawn by ptlab"],
    ["metadata without a picture", "<metadata>{}</metadata><svg></svg>", "no picture drawn by ptlab"],
    ["another program's metadata", "<svg ><metadata><rdf:RDF/></metadata></svg>", "cut off or not those of ptlab"],
    ["metadata that are no JSON", "<svg ><metadata>{a}</metadata></svg>", "not those of ptlab"],
    ["JSON that is no object", "<svg ><metadata>[1]</metadata></svg>", "not those of ptlab"],
    ["another tool's JSON", '<svg ><metadata>{"tool":"x"}</metadata></svg>', "not those of ptlab"],
    ["a picture cut within its recipe", svg.slice(0, svg.indexOf("</metadata>") - 5), "cut off"],
    ["an entity of its own", svg.replace("<metadata>{", "<metadata>&bomb;{"), "not those of ptlab"],
    ["a recipe of megabytes", changed({ workload: "w".repeat(2 ** 20) }), "larger than 256K"],
    ["a stamp of before recipes", changed({ width: undefined, data: undefined }), "before pictures held their recipe"],
    ["a recipe without its data's digest", changed({ data: undefined }), "bad or missing 'data'"],
    [
      "parameters nested without end",
      changed({ params: JSON.parse(`{"a":${"[".repeat(99)}${"]".repeat(99)}}`) }),
      "'params'",
    ],
    ["a width for a wall", changed({ width: 1e9 }), "'width'"],
    ["a version that speaks to the terminal", changed({ version: "\u001b[2J" }), "'version'"],
    ["a source that is no digest", changed({ source: "../.." }), "'source'"],
    ["inputs that are no digests", changed({ live: { id: "a", params: {}, inputs: { f: "x" } } }), "'live'"],
    ["parameters that are lists", changed({ live: { id: "a", params: { f: [] }, inputs: {} } }), "'live'"],
    ["cells that are no text", changed({ cells: [1] }), "'cells'"],
  ])("%s", (_, text, message) => {
    expect(refusal(text)).toContain(message);
  });
});

test("a document type with entities in it is passed over unread", () => {
  const bomb = '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>';
  expect(readRecipe(bomb + svg)).toEqual(readRecipe(svg));
});

test("any mutation of a picture gives a recipe or one line, and never more time or memory than its length", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const rng = random(seed);
    let text = svg.slice(0, svg.indexOf("</metadata>") + 200);
    for (let edits = 1 + rng.below(4); edits > 0; edits--) {
      const at = rng.below(text.length);
      const piece = rng.pick([
        "",
        "<",
        "</metadata>",
        "<metadata>",
        "&",
        "&lt;",
        '"',
        "{",
        "}",
        "[",
        "\u0000",
        "\ud800",
        "null",
        "-1e999",
      ]);
      text = text.slice(0, at) + piece + text.slice(at + rng.below(rng.pick([2, 40])));
    }
    expect(typeof refusal(text), `seed ${seed}`).toBe("string");
  }
});
