import { describe, expect, test } from "vitest";
import { formats } from "../../../src/arch/formats.ts";
import { type OpRecord, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

/** Something of everything, in sizes that every page size divides. */
const SCRIPT = `
map A 4M
touch A 0 1M val=7
touch A 1M 512K r
protect A 0 256K r
guard A 512K 128K
fork
@1 touch A 256K 256K val=9
peek A 0 1M
remap A 0 1M 1M B
cold B
map T 2M populate
mincore T
dontneed T
unmap A
@1 exit
state
`;

describe.each(formats.map((f) => f.name))("%s", (arch) => {
  const records = [...runScript(parseScript(SCRIPT, "all"), { arch })];
  const ops = records.slice(1) as OpRecord[];

  test("every operation of a script goes through, with regions in slots that its address space has", () => {
    expect(ops.filter((r) => r.rc !== 0).map((r) => `${r.op}: ${r.err}`)).toEqual([]);
    expect(
      new Set(
        ops
          .flatMap((r) => r.procs)
          .flatMap((p) => p.regions)
          .map((r) => r.va),
      ).size,
    ).toBe(3);
  });

  test("values are those written before the fork, whatever the child writes", () => {
    const page = 2 ** formats.find((f) => f.name === arch)!.pageLg2;
    const peek = ops.find((r) => r.op.startsWith("peek"))!;
    expect(peek.vals).toEqual([
      [0, 512 * 1024, 7],
      [512 * 1024, 128 * 1024, "segv"],
      [640 * 1024, 384 * 1024, 7],
    ]);
    expect(peek.vals!.every(([off, len]) => off % page === 0 && len % page === 0)).toBe(true);
  });

  test("a process has the tables that lead to its program and its stack before it does anything, and they are not counted as new", () => {
    const first = ops[0]!.procs[0]!;
    expect([first.dpte, first.vmpte > 0]).toEqual([0, true]);
  });
});
