/** Comparison with a file below `test/golden/`, byte by byte. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

const GOLDEN = new URL("../golden/", import.meta.url);

/** Fails where the text is not the stored one; with UPDATE_GOLDEN=1 in the environment, stores it instead. */
export function expectGolden(name: string, text: string, folder = "figure"): void {
  const file = new URL(`${folder}/${name}`, GOLDEN);
  if (process.env.UPDATE_GOLDEN === "1") {
    mkdirSync(new URL(".", file), { recursive: true });
    writeFileSync(file, text);
  }
  const how = `${name} differs from test/golden/${folder}/. If the change is wanted, run the test with UPDATE_GOLDEN=1 and look at the files.`;
  expect(text, how).toBe(stored(file));
}

function stored(file: URL): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "(no such file)";
  }
}
