/** The API reference: that it tells every export once, with links that fit, and that nothing of it is empty. */
import { beforeAll, expect, test } from "vitest";
import { type ApiPage, apiPages } from "../../site/api/pages.ts";
import { type ApiFile, type ApiSymbol, apiFiles, symbolAddress } from "../../site/api/symbols.ts";
import { declarations } from "../../site/types/declarations.ts";
import * as simulator from "../../src/index.ts";

let files: readonly ApiFile[];
let symbols: readonly ApiSymbol[];
let pages: readonly ApiPage[];

beforeAll(() => {
  files = apiFiles(declarations());
  symbols = files.flatMap((file) => file.symbols);
  pages = apiPages(files, "/x/api/");
}, 60_000);

const named = (name: string): ApiSymbol => symbols.find((symbol) => symbol.name === name)!;
const textOf = (name: string): string =>
  named(name)
    .declaration.map(([text]) => text)
    .join("");

test("every value that the simulator exports is told once, with its comment and its declaration", () => {
  const names = symbols.filter(({ module }) => module === "ptlab").map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(simulator).filter((name) => !names.includes(name))).toEqual([]);
  expect(symbols.filter(({ docs, declaration }) => docs === "" || declaration.length === 0)).toEqual([]);
});

test("a function has its signature, the kernel's name for it, and links to its types", () => {
  expect(textOf("setPtes")).toBe(
    "function setPtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void;",
  );
  expect(named("setPtes").docs).toMatch(/^`set_ptes`: /);
  expect(named("setPtes").declaration).toContainEqual(["PageTable", "pgtable/#PageTable"]);
});

test("a name that is both a value and a type is told as both", () => {
  expect(textOf("Kind")).toMatch(/^const Kind: \{[\s\S]*\n\};?\ntype Kind = /);
});

test("an export under another name is told under that", () => {
  expect(named("foldedSyncGlobalPgds").file).toBe("src/design/folded-copy.ts");
  expect(textOf("foldedSyncGlobalPgds")).toContain("function syncGlobalPgds(");
});

test("a type that the compiler wrote as an import is told by its name, which leads to it", () => {
  expect(symbols.filter((symbol) => /import\(/.test(textOf(symbol.name))).map(({ name }) => name)).toEqual([]);
  expect(named("walkCost").declaration).toContainEqual(["LiveFigure", "figure/#LiveFigure"]);
});

test("the place of each name is on the page that its links name, and there only once", () => {
  const ids = new Map(
    pages.map(({ id, html }) => [id, [...html.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]!)]),
  );
  for (const [id, found] of ids) expect(new Set(found).size, id).toBe(found.length);
  for (const { file, name } of symbols) {
    const [folder, place] = symbolAddress(file, name).split("/#");
    expect(ids.get(folder!), name).toContain(place);
  }
});

test("a function of the kernel leads to what is called after it", () => {
  const kernel = pages.find(({ id }) => id === "kernel")!.html;
  expect(kernel).toContain('<td><code>set_ptes</code></td><td><a href="/x/api/pgtable/#setPtes">setPtes</a>');
});

test("lists and pictures in a comment keep their lines", () => {
  const design = pages.find(({ id }) => id === "design")!.html;
  expect(design).toMatch(/<pre class="ptlab-api" tabindex="0">[^<]*\| slot number +\| level \|/);
});
