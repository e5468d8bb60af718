/**
 * The type check of cells by itself: what it keeps over many cells, and where its problems are.
 */
import { expect, test } from "vitest";
import { createChecker } from "../../src/jupyter/cells/checker.ts";
import { onDisk } from "../../src/jupyter/cells/on-disk.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";

const checker = createChecker(onDisk(`${PROJECT_ROOT}/notebooks`));
const messages = (code: string) => checker.check(code).problems.map(({ message }) => message);

test("names of earlier cells mean the same after thousands of an editor's questions", () => {
  checker.check("interface Kept { n: number }\nconst kept = (k: Kept) => ({ ...k, more: [k.n] });").keep();
  checker.check("const result = kept({ n: 1 });").keep();
  for (let i = 0; i < 2100; i++) checker.inspect("result", 2, false);
  expect(messages("const sure: number[] = result.more; kept({ n: result.n });")).toEqual([]);
  expect(messages("kept({ n: '' })")).toEqual(["Type 'string' is not assignable to type 'number'."]);
  expect(checker.complete("result.", 7).matches.slice(0, 2)).toEqual(["more", "n"]);
});

test("a cell that is not kept leaves no name", () => {
  checker.check("const dropped = 1;");
  expect(messages("dropped")).toEqual(["Cannot find name 'dropped'."]);
});

test("what was kept is forgotten when that is wanted, with what it added to the globals", () => {
  const other = createChecker(onDisk(`${PROJECT_ROOT}/notebooks`));
  other.check("const gone = 1; declare global { interface Array<T> { second(): T } }").keep();
  expect(other.check("[gone].second()").problems).toEqual([]);
  other.forget();
  expect(other.check("[gone]").problems.map(({ message }) => message)).toEqual(["Cannot find name 'gone'."]);
  expect(other.check("[1].second()").problems.map(({ code }) => code)).toEqual([2339]);
});

test("a problem over several lines is marked on its first one", () => {
  const [problem] = checker.check(
    "const rows: number[] = [\n  'a',\n];\nconst last: string = [\n1].map((n) =>\n n);",
  ).problems;
  expect(problem).toMatchObject({ line: 2, column: 3, length: 3 });
  expect(checker.check("const o: { a: 1 } = {\n  b: 2,\n  c: 3,\n};").problems[0]).toMatchObject({ line: 2 });
});

test("syntax errors stand alone: what follows from them is not told", () => {
  const { problems } = checker.check("const x: = 5; unknownName();");
  expect(problems.map(({ code }) => code)).toEqual([1110]);
});

test("a library's comments are read only when they are asked for, and then whole", () => {
  const text = checker.inspect("Math.max", 6, false);
  expect(text).toMatch(/^\(method\) Math\.max\(\.\.\.values: number\[\]\): number\n\nReturns the larger/);
  expect(text).toContain("@param values");
});
