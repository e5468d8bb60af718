import { describe, expect, test } from "vitest";
import { kindOf, parseSmaps, parseVmPte } from "../../../src/study/capture/smaps.ts";

const TEXT = `00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/a program-x 1-2
Size:                328 kB
Rss:                 100 kB
Anonymous:             4 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         8 kB
Swap:                 12 kB
THPeligible:           0
VmFlags: rd ex mr mw me
ff00000000000-ff00000002000 rw-p 00000000 00:00 0
Rss:                   8 kB
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
Rss:                   4 kB
`;

describe("smaps", () => {
  test("gives the VMAs of the user's half with their amounts", () => {
    const vmas = parseSmaps(TEXT, 12);
    expect(vmas.map((v) => [v.start, v.end, v.perms, v.kind, v.amounts.Rss])).toEqual([
      [0x400, 0x452, "r-xp", "file", 100],
      [0xff00000000, 0xff00000002, "rw-p", "anon", 8],
    ]);
    expect(vmas[0]).toMatchObject({ swap: 12, amounts: { Anonymous: 4, AnonHugePages: 0, FilePmdMapped: 8 } });
  });

  test("page numbers follow the page size", () => {
    expect(parseSmaps(TEXT, 16)[1]!.start).toBe(0xff0000000);
  });

  test("the text of a kernel thread has no VMA", () => {
    expect(parseSmaps("", 12)).toEqual([]);
  });
});

test("kinds are told by the names that Linux uses", () => {
  const names = {
    "": "anon",
    "[heap]": "heap",
    "[stack]": "stack",
    "[anon: glibc malloc]": "anon",
    "[anon_shmem:x]": "shmem",
    "[vdso]": "special",
    "anon_inode:[io_uring]": "special",
    "/dev/zero (deleted)": "shmem",
    "/memfd:x (deleted)": "shmem",
    "/SYSV00000000": "shmem",
    "/usr/lib/x.so": "file",
  };
  for (const [name, kind] of Object.entries(names)) expect(kindOf(name)).toBe(kind);
});

test("page tables are read from status; a kernel thread has none", () => {
  expect(parseVmPte("Name:\tx\nVmPTE:\t     40 kB\nVmSwap:\t 0 kB\n")).toBe(40);
  expect(parseVmPte("Name:\tkthreadd\nState:\tS\n")).toBeUndefined();
});
