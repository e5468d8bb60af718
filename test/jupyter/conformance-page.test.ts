/**
 * The page on the Jupyter kernel names a test in each row of its tables; here each of them has to exist.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const FOLDER = import.meta.dirname;
const PAGE = readFileSync(join(FOLDER, "..", "..", "site", "content", "docs", "jupyter.md"), "utf8");

/** Rows of all tables that have a column of tests: the first cells, and what the last one names. */
const rows = PAGE.split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !line.endsWith("| Tests |"))
  .map((line) => line.slice(2, -2).split(" | "))
  .map((cells) => ({ message: cells.slice(0, -1).join(" "), tests: cells.at(-1)!.split("<br>") }));

test.each(rows)("$message: the tests that the page names exist", ({ tests }) => {
  for (const named of tests) {
    const [, file, title] = /^`([\w-]+)` (.+)$/.exec(named) ?? [];
    expect(named).toMatch(/^`[\w-]+` .+$/);
    expect(titlesOf(file!)).toContain(title);
  }
});

test("the page has a row for every message type that the kernel handles or sends", () => {
  const wire = join(FOLDER, "..", "..", "src", "jupyter", "wire");
  const sources = readdirSync(wire).map((name) => readFileSync(join(wire, name), "utf8"));
  const sent = /(?:publish\(|type: )"([a-z_]+)"/g;
  const handled = /^\s+(?:async )?([a-z_]+_request)\b/gm;
  const types = sources.flatMap((text) => [...text.matchAll(sent), ...text.matchAll(handled)].map(([, type]) => type!));
  expect(types.length).toBeGreaterThan(15);
  // A reply has no row of its own.
  const wanted = [...new Set(types)].filter((type) => !/_reply$|^(tcp|ipc|response|output|clear|update)$/.test(type));
  expect(wanted.filter((type) => !PAGE.includes(`\`${type}\``))).toEqual([]);
});

const known = new Map<string, string[]>();

/** Titles of the tests in a file, each behind those of the groups that it stands in. */
function titlesOf(name: string): string[] {
  const path = join(FOLDER, `${name}.test.ts`);
  if (!existsSync(path)) return [];
  const titles = known.get(name) ?? readTitles(path);
  known.set(name, titles);
  return titles;
}

function readTitles(path: string): string[] {
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node, groups: readonly string[]): void => {
    const [kind, title] = ts.isCallExpression(node) ? titleOf(node, file) : [];
    const inner = kind === "describe" && title !== undefined ? [...groups, title] : groups;
    if (kind === "test" && title !== undefined) found.push([...groups, title].join(" > "));
    ts.forEachChild(node, (child) => visit(child, inner));
  };
  visit(file, []);
  return found;
}

function titleOf(call: ts.CallExpression, file: ts.SourceFile): [kind?: string, title?: string] {
  const [first] = call.arguments;
  const kind = /^(test|describe)\b/.exec(call.expression.getText(file))?.[1];
  return first !== undefined && ts.isStringLiteralLike(first) ? [kind, first.text] : [];
}
