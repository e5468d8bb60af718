import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { coreTable, flushTable } from "./hardware-page.ts";

const page = readFileSync(path.resolve(import.meta.dirname, "../../site/content/docs/hardware.md"), "utf8");

test.each([
  ["cores", coreTable()],
  ["invalidations", flushTable()],
])("the page on translation hardware has the table of %s that the data give", (_name, table) => {
  expect(page).toContain(table);
});
