/**
 * Every figure of every notebook as files that a review can read: the picture with a line for each element, and the text
 * table, neither with a word of the build that drew it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { figuresOf } from "../../src/notebook/figures.ts";
import { listNotebooks } from "../../src/notebook/file.ts";
import { type MimeBundle, parseNotebook } from "../../src/notebook/format.ts";
import { normaliseSvg, normaliseText } from "../../src/notebook/normalise.ts";

const NOTEBOOKS = new URL("../../notebooks/", import.meta.url);
const GOLDEN = new URL("../golden/notebooks/", import.meta.url);
const UPDATE = process.env.UPDATE_GOLDEN === "1";

const HOW = `If that is wanted, renew the files and look at what git shows of them:
UPDATE_GOLDEN=1 npx vitest run --config test/vitest.config.ts test/notebook/golden-figures.test.ts`;

const notebooks = (await listNotebooks(fileURLToPath(NOTEBOOKS))).map((name) => basename(name, ".ipynb"));

/** The files of a notebook's figures, by name. */
function filesOf(notebook: string): Map<string, string> {
  const nb = parseNotebook(readFileSync(new URL(`${notebook}.ipynb`, NOTEBOOKS), "utf8"), notebook);
  return new Map(
    figuresOf(nb).flatMap(({ number, bundle }) => [
      [`figure-${number}.svg`, `${normaliseSvg(form(bundle, "image/svg+xml"))}\n`],
      [`figure-${number}.txt`, withoutStamp(normaliseText(form(bundle, "text/plain")))],
    ]),
  );
}

const form = (bundle: MimeBundle, mime: string): string => String(bundle[mime] ?? "");

/** The stamp is the last paragraph; the picture holds it too. */
const withoutStamp = (table: string): string => table.replace(/\n\nptlab;[^\n]*(\n {2}[^\n]*)*\n$/, "\n");

function stored(folder: URL): Map<string, string> {
  const names = readdirSync(folder, { recursive: false, encoding: "utf8" });
  return new Map(names.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
}

function store(folder: URL, files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(new URL(name, folder), text);
}

test.each(notebooks)("the figures of %s are those that were reviewed", (notebook) => {
  const folder = new URL(`${notebook}/`, GOLDEN);
  const now = filesOf(notebook);
  if (UPDATE) store(folder, now);
  const golden = stored(folder);
  expect([...golden.keys()].sort(), `${notebook} has other figures than test/golden/notebooks/.\n${HOW}`).toEqual(
    [...now.keys()].sort(),
  );
  for (const [name, text] of now) expect.soft(text, `${notebook}, ${name} has moved.\n${HOW}`).toBe(golden.get(name));
});

test("no notebook that is gone has left figures behind", () => {
  const folders = readdirSync(GOLDEN).filter((name) => !name.startsWith("."));
  for (const name of folders)
    if (UPDATE && !notebooks.includes(name)) rmSync(new URL(name, GOLDEN), { recursive: true });
  expect(readdirSync(GOLDEN).filter((name) => !name.startsWith("."))).toEqual(notebooks);
});
