/**
 * What an editor asks: completion, documentation, and whether a cell is complete.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
  const cells = [
    "const rows = { first: 1, firstly: 2, find() { return this.first; } };",
    "/** Half of it. @param n what is halved */\nfunction halve(n: number): number {\n  return n / 2;\n}",
    'import { parseSize } from "ptlab";',
  ];
  for (const code of cells) await client.execute(code);
});
afterAll(() => client.close());

const complete = async (code: string, cursor_pos = [...code].length) =>
  (await client.request("shell", "complete_request", { code, cursor_pos })).reply;
const inspect = async (code: string, cursor_pos = [...code].length, detail_level = 0) =>
  (await client.request("shell", "inspect_request", { code, cursor_pos, detail_level })).reply;
const isComplete = async (code: string) => (await client.request("shell", "is_complete_request", { code })).reply;

describe("completion", () => {
  test("gives the names that fit and what they replace, with the kind of each", async () => {
    expect(await complete("rows.fi")).toEqual({
      status: "ok",
      matches: ["find", "first", "firstly"],
      cursor_start: 5,
      cursor_end: 7,
      metadata: {
        _jupyter_types_experimental: [
          { start: 5, end: 7, text: "find", type: "function" },
          { start: 5, end: 7, text: "first", type: "property" },
          { start: 5, end: 7, text: "firstly", type: "property" },
        ],
      },
    });
  });

  test("counts positions in code points, before and behind characters outside the basic plane", async () => {
    expect(await complete("'😀𝒳'; rows.first")).toMatchObject({ cursor_start: 11, cursor_end: 16 });
    expect(await complete("rows.firs; '😀'", 9)).toMatchObject({ cursor_start: 5, cursor_end: 9 });
  });

  test("in the middle of a name and of a cell looks at what is before the cursor", async () => {
    const reply = await complete("let a = rows.first;\nlet b = 2;", 16);
    expect(reply).toMatchObject({ matches: ["first", "firstly"], cursor_start: 13, cursor_end: 18 });
  });

  test("of nothing that fits is an empty list", async () => {
    expect(await complete("rows.nothingLikeIt")).toMatchObject({ status: "ok", matches: [] });
  });

  test.each([-5, 10_000, 2.5])("takes a position that is none for the nearest one: %d", async (position) => {
    expect(await complete("rows", position)).toMatchObject({ status: "ok" });
  });

  test("is answered while a cell awaits", async () => {
    const running = client.execute("console.log('waits'); await new Promise(() => {});");
    await client.published("stream", "waits");
    expect((await complete("rows.firstl"))?.matches).toEqual(["firstly"]);
    await client.request("control", "interrupt_request");
    await running;
  });
});

describe("inspection", () => {
  test("gives type and documentation", async () => {
    expect(await inspect("halve")).toEqual({
      status: "ok",
      found: true,
      data: { "text/plain": "function halve(n: number): number\n\nHalf of it.\n@param n what is halved" },
      metadata: {},
    });
  });

  test("at detail level 1 gives the source too, also that of an imported function", async () => {
    expect((await inspect("halve", 2, 1))?.data["text/plain"]).toMatch(/Half of it[\s\S]*\{\n {2}return n \/ 2;\n\}$/);
    expect((await inspect("rows", 2, 1))?.data["text/plain"]).toContain("find() { return this.first; }");
    const imported = (await inspect("parseSize", 3, 1))?.data["text/plain"];
    expect(imported).toMatch(/^\(alias\) function parseSize\(text: string\): number[\s\S]*export function parseSize\(/);
    expect((await inspect("parseFloat", 3, 1))?.data).toEqual((await inspect("parseFloat", 3, 0))?.data);
  });

  test("counts positions in code points", async () => {
    expect((await inspect("'😀'; halve(1)", 6))?.data["text/plain"]).toContain("function halve");
  });

  test("of an unknown name, of a blank and of an empty cell finds nothing", async () => {
    const nothing = { status: "ok", found: false, data: {}, metadata: {} };
    expect(await inspect("nobody", 2)).toEqual(nothing);
    expect(await inspect("   ", 1)).toEqual(nothing);
    expect(await inspect("", 0)).toEqual(nothing);
  });
});

describe("completeness", () => {
  test.each([
    ["1 + 1", { status: "complete" }],
    ["", { status: "complete" }],
    ["halve?", { status: "complete" }],
    ["if (true) {", { status: "incomplete", indent: "  " }],
    ["if (true) {\n  while (false) {", { status: "incomplete", indent: "    " }],
    ["const text = `open", { status: "incomplete", indent: "" }],
    ["/* open", { status: "incomplete", indent: "" }],
    ["const a = = 3;", { status: "invalid" }],
    ["}", { status: "invalid" }],
  ])("of %j is %j", async (code, expected) => {
    expect(await isComplete(code)).toEqual(expected);
  });
});
