import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formats } from "../../src/arch/formats.ts";

const CLI = new URL("../../src/cli.ts", import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), "ptlab-ops-"));
afterAll(() => rmSync(dir, { recursive: true }));

function script(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

function ptlab(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [CLI, ...args], (error, out, err) => {
      done({ status: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const GOOD = script("good.ops", "map A 64K\ntouch A val=0xffffffffffffffff\npeek A 0 4K\n");

describe("ptlab ops", () => {
  it("prints a header and one JSON line an operation", async () => {
    const { status, out, err } = await ptlab("ops", "--arch", "arm64-4k", GOOD);
    const lines = out.trimEnd().split("\n");
    expect([status, err]).toEqual([0, ""]);
    expect(JSON.parse(lines[0]!)).toEqual({
      mmops: 2,
      script: "good.ops",
      kernel: "6.18",
      arch: "aarch64",
      page: 4096,
      pmd: 2097152,
    });
    expect(lines).toHaveLength(4);
    expect(lines[3]).toContain('"vals":[[0,4096,18446744073709551615]]');
  });

  it("runs what stands before a bad line, names the line, goes on with the next file and ends with status 2", async () => {
    const bad = script("bad.ops", "map A 64K\ntouch A\nmpa B 4K\ntouch A\n");
    const { status, out, err } = await ptlab("ops", bad, GOOD);
    expect(status).toBe(2);
    expect(err).toBe(
      `ptlab: ${bad}:3: unknown op 'mpa': allowed are map touch peek protect unmap remap lock unlock mincore hugepage nohugepage collapse dontneed free cold pageout willneed guard unguard populate_read populate_write dontfork dofork wipeonfork keeponfork mergeable unmergeable dontneed_locked fork exit knob sleep state; did you mean map? (the 2 operations before it were run)\n`,
    );
    expect(out.match(/"script":"[^"]+"/g)).toEqual(['"script":"bad.ops"', '"script":"good.ops"']);
    expect(out.trimEnd().split("\n")).toHaveLength(3 + 4);
  });

  it("ends a script whose process is not there, names the line, and runs the next", async () => {
    const gone = script("gone.ops", "map A 64K\nfork\n@1 exit\n@1 touch A\nstate\n");
    const { status, out, err } = await ptlab("ops", gone, GOOD);
    expect([status, err]).toEqual([2, `ptlab: ${gone}: line 4: no process 1: there is 0\n`]);
    expect(out.trimEnd().split("\n")).toHaveLength(4 + 4);
  });

  it("refuses an unknown architecture, kernel or file with one line and status 2", async () => {
    expect(await ptlab("ops", "--arch", "arm64-4", GOOD)).toEqual({
      status: 2,
      out: "",
      err: `ptlab: unknown architecture 'arm64-4': allowed are ${formats.map((f) => f.name).join(", ")}; did you mean arm64-4k?\n`,
    });
    expect((await ptlab("ops", "--kernel", "5.4", GOOD)).err).toBe(
      "ptlab: unknown kernel '5.4': allowed are 6.12, 6.18, 7.2, 6.18.15, 6.18.44\n",
    );
    const missing = await ptlab("ops", join(dir, "none.ops"));
    expect([missing.status, missing.err]).toEqual([2, `ptlab: cannot read ${join(dir, "none.ops")}: no such file\n`]);
  });
});
