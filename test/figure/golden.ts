/** Comparison with a file in `test/golden/figure/`, byte by byte. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

const FOLDER = new URL("../golden/figure/", import.meta.url);

/** Fails where the text is not the stored one; with UPDATE_GOLDEN=1 in the environment, stores it instead. */
export function expectGolden(name: string, text: string): void {
  const file = new URL(name, FOLDER);
  if (process.env.UPDATE_GOLDEN === "1") {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(file, text);
  }
  const how = `${name} differs from test/golden/figure/. If the change is wanted, run the test with UPDATE_GOLDEN=1 and look at the files.`;
  expect(text, how).toBe(stored(file));
}

function stored(file: URL): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "(no such file)";
  }
}
