import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { cpio } from "./cpio.ts";
import { profileFor } from "./recording.ts";

const folder = mkdtempSync(path.join(tmpdir(), "oracle-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function oracle(args: readonly string[]): Promise<{ status: unknown; err: string }> {
  const main = path.join(import.meta.dirname, "main.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, _out, err) =>
      resolve({ status: error?.code, err: err.trim() }),
    );
  });
}

describe("npm run oracle", () => {
  it("answers what it cannot use with one line and status 2, before it records anything", async () => {
    const bad = path.join(folder, "bad.ops");
    writeFileSync(bad, "map A 64K\ntuch A\n");
    const cases: [string[], RegExp][] = [
      [["host", "--scripts", "many"], /^oracle: .*'many' is invalid.*a whole number is allowed$/],
      [["host", "--set", "guards"], /^oracle: unknown feature 'guards'.*did you mean guard\?$/],
      [["host", bad], /^oracle: .*bad\.ops:2: unknown op 'tuch'.*did you mean touch\?$/],
      [["host", path.join(folder, "none.ops")], /^oracle: cannot read .*none\.ops: /],
      [["arm64", path.join(folder, "no-kernel")], /^oracle: no kernel image .*no-kernel; get-kernel fetches one$/],
      [["x86"], /^oracle: missing required argument 'kernel-image'/],
    ];
    const answers = await Promise.all(cases.map(([args]) => oracle(args)));
    for (const [i, [args, says]] of cases.entries()) {
      const { status, err } = answers[i]!;
      expect(err, args.join(" ")).toMatch(says);
      expect(err.split("\n"), args.join(" ")).toHaveLength(1);
      expect(status, args.join(" ")).toBe(2);
    }
  });

  it("holds a kernel against the profile of its version, or the one that is named", () => {
    expect(profileFor("6.18.44", undefined)).toBe("6.18.44");
    expect(profileFor("6.19.1", "6.18")).toBe("6.18");
    expect(() => profileFor("6.19.1", undefined)).toThrow(/no profile for Linux 6.19.1: there are 6.12, .*--profile/);
    expect(() => profileFor("6.19.1", "6.20")).toThrow(/no profile for Linux 6.20: there are 6.12/);
  });
});

/** The members of an archive as the kernel reads them (init/initramfs.c): fields in fixed places, all padded to 4. */
function unpack(archive: Buffer): [name: string, mode: number, data: string][] {
  const members: [string, number, string][] = [];
  for (let at = 0; ; ) {
    const field = (i: number) => Number.parseInt(archive.toString("latin1", at + 6 + 8 * i, at + 14 + 8 * i), 16);
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString("latin1", at + 110, at + 110 + nameSize - 1);
    if (name === "TRAILER!!!") return members;
    const data = at + Math.ceil((110 + nameSize) / 4) * 4;
    members.push([name, mode, archive.toString("latin1", data, data + size)]);
    at = data + Math.ceil(size / 4) * 4;
  }
}

describe("an initramfs", () => {
  it("has folders and programs in their order, whatever their lengths", () => {
    const members = ["", "a", "ab", "abc", "abcd"].map((text, i) => ({
      name: `n${text}${i}`,
      data: Buffer.from(text),
    }));
    const read = unpack(cpio([{ name: "dev" }, ...members]));
    expect(read[0]).toEqual(["dev", 0o40755, ""]);
    expect(read.slice(1)).toEqual(members.map(({ name, data }) => [name, 0o100755, data.toString()]));
  });
});
