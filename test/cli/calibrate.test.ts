import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { calibrateCommand } from "../../src/cli/calibrate.ts";
import { printing } from "./printing.ts";

const BUILD = { version: "0.1.0", source: "0123456789abcdef" };
const recorded = fileURLToPath(new URL("../../notebooks/data/limits-zen4-6.18.json", import.meta.url));
const committed = fileURLToPath(new URL("../../src/study/cost/zen4-6.18.json", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ptlab-calibrate-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(file: string, out?: string, signal?: AbortSignal): Promise<{ out: string; err: string }> {
  const { effects, printed } = printing();
  await calibrateCommand({ file, out, core: "zen-4" }, { ...effects, terminal: true, signal }, BUILD);
  return printed;
}

test("the recorded file gives the committed table, number for number, and three tables of 72 columns with stamps", async () => {
  const file = join(folder, "weights.json");
  const { out, err } = await run(recorded, file);
  const json = (name: string): unknown => JSON.parse(readFileSync(name, "utf8"));
  expect(json(file)).toEqual(json(committed));
  for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(72);
  expect(out.match(/^ptlab 0\.1\.0 \(01234567\)/gm)).toHaveLength(3);
  expect(out).toMatch(/^slotsRead +1\.\d\d /m);
  expect(out).toMatch(/^scan_present_4k .* -85\.\d$/m);
  expect(err).toContain("calibrating [");
  expect(err.endsWith("\r\x1b[K")).toBe(true);
});

test("a file that is no recording is refused in one line, and nothing is written", async () => {
  const [bad, out] = [join(folder, "bad.json"), join(folder, "weights.json")];
  writeFileSync(bad, '{"machine": {"cpu": "x",\n');
  await expect(run(bad, out)).rejects.toThrow(/^[^\n]*bad\.json: not JSON: [^\n]*$/);
  await expect(run(join(folder, "none.json"))).rejects.toThrow(/cannot read .*none\.json: no such file/);
  await expect(run(folder)).rejects.toThrow(/cannot read .*: it is a folder/);
  await expect(run("/dev/zero")).rejects.toThrow("/dev/zero: too large for recorded times: at most 4M are allowed");
  expect(() => readFileSync(out)).toThrow("ENOENT");
});

test("weights go to no place where a file cannot be made, and that is said before the work", async () => {
  await expect(run(recorded, join(folder, "none", "weights.json"))).rejects.toThrow(UserError);
});

test("an interrupt ends it, and leaves no file", async () => {
  const stop = new AbortController();
  const out = join(folder, "weights.json");
  const running = run(recorded, out, stop.signal);
  setImmediate(() => stop.abort());
  await expect(running).rejects.toThrow();
  expect(() => readFileSync(out)).toThrow("ENOENT");
});
