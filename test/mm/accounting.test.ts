import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { munmap } from "../../src/mm/mmap.ts";
import { accountedBytes } from "../../src/study/ops/report.ts";
import { always, BASE, mapRw, newMm, write } from "./bench.ts";

describe.each(formats.map((f) => [f.name, f] as const))(
  "page-table accounting on %s (mm_pgtables_bytes)",
  (arch, f) => {
    const bytesOf = (level: number) => 2 ** f.indexLg2[level]! * f.entryBytes;

    test("a first page counts a table of each level up to PUD, or fewer; P4D and PGD never count", () => {
      const mm = newMm({ arch });
      const before = accountedBytes(mm);
      mapRw(mm, BASE, 1);
      write(mm, BASE, BASE + 1);
      let want = 0;
      for (let level = 0; level <= Math.min(f.accountedLevel, f.indexLg2.length - 2); level++) want += bytesOf(level);
      expect(accountedBytes(mm) - before).toBe(want);
    });

    test("a huge page counts the table set aside for its split, so neither the split nor its undoing by a zap counts anew", () => {
      const mm = newMm({ arch, kernel: "6.12" });
      const pages = mm.pt.span[1]!;
      always(mm, Math.log2(pages));
      mapRw(mm, BASE, pages);
      write(mm, BASE, BASE + 1);
      const huge = accountedBytes(mm);
      madvise(mm, BASE, BASE + 1, "dontneed");
      expect(accountedBytes(mm)).toBe(huge);
      munmap(mm, BASE, BASE + pages);
      expect(huge - accountedBytes(mm)).toBeGreaterThanOrEqual(bytesOf(0));
    });

    test("fork sets a table aside for the child's huge page too", () => {
      const mm = newMm({ arch });
      const pages = mm.pt.span[1]!;
      always(mm, Math.log2(pages));
      mapRw(mm, BASE, pages);
      write(mm, BASE, BASE + 1);
      expect(accountedBytes(fork(mm))).toBe(accountedBytes(mm));
    });
  },
);
