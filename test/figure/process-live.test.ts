import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { digest } from "../../src/base/digest.ts";
import { UserError } from "../../src/base/errors.ts";
import { coverageCommand } from "../../src/cli/coverage.ts";
import { CAPTURE_FILES } from "../../src/figure/live/capture-input.ts";
import { liveFigure, liveFigures } from "../../src/figure/live/index.ts";
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { LiveInputs } from "../../src/figure/live.ts";
import { toText } from "../../src/figure/text.ts";

const BUILD = { version: "0.1.0", source: "0123456789abcdef" };
const path = (file: string) => fileURLToPath(new URL(`../../notebooks/data/${file}`, import.meta.url));
const figures = liveFigures.filter(({ params }) => "capture" in params);

let inputs: LiveInputs;
beforeAll(() => {
  inputs = Object.fromEntries(Object.values(CAPTURE_FILES).map((file) => [file, readFileSync(path(file))]));
});

async function printed(file: string): Promise<string> {
  let text = "";
  const out = (more: string) => {
    text += more;
  };
  await coverageCommand({ file: path(file), rollup: true }, { out, err: out, terminal: false }, BUILD);
  return text;
}

/** A file of one VMA; `runs` are written as a capture has them. */
function ownFile(runs: readonly unknown[], page = 4096, [start, end] = [0, 2 ** 34]): LiveInputs {
  const head = { ptlab: "capture", version: 1, arch: "other", kernel: "6.18", page, pmdOrder: page === 4096 ? 9 : 13 };
  const vma = { start, end, perms: "rw-p", kind: "heap", runs };
  return { [OWN_CAPTURE.input]: JSON.stringify({ ...head, VmPTE: 1, vmas: [vma] }) };
}

const own = { capture: OWN_CAPTURE.choice };

describe.each(Object.entries(CAPTURE_FILES))("the figures of %s", (capture, file) => {
  test("show what `ptlab coverage` prints for its file", async () => {
    const text = await printed(file);
    const { rows, caption } = await liveFigure("process-coverage").make({ capture, cont: false }, inputs);
    const lines = text.split("\n").filter((line) => /^(anon|file)-/.test(line));
    expect(rows.filter((row) => row.kB !== 0).map((row) => `${row.label} ${row.kB}`)).toEqual(
      lines.map((line) => line.replace(/^(\S+): +(\d+) kB.*/, "$1 $2")),
    );
    for (const row of lines.length > 0 ? rows : [])
      expect(lines.join("\n")).toContain(`(${String(Math.round(Number(row.percent))).padStart(2)}%)`);
    expect(caption).toContain(/by Linux's rule \(counted\): (.*)/.exec(text)![1]!);
    for (const id of ["process-layouts", "process-tables"])
      expect(text).toContain(toText(await liveFigure(id).make({ capture }, inputs), BUILD));
  });

  test("carry the digest of the file, and draw what they were asked for", async () => {
    for (const live of figures) {
      const made = await live.make({ capture }, inputs);
      expect(made.origin.input).toBe(digest(inputs[file] as Uint8Array));
      expect(made.live).toMatchObject({ id: live.id, params: { capture } });
    }
  });

  test("are the same for the same file of the reader's own", async () => {
    for (const live of figures) {
      const [sample, mine] = [
        await live.make({ capture }, inputs),
        await live.make(own, { [OWN_CAPTURE.input]: inputs[file]! }),
      ];
      expect([mine.rows, mine.origin.input]).toEqual([sample.rows, sample.origin.input]);
    }
  });
});

describe("a file of the reader's own", () => {
  test("is asked for where none is given", async () => {
    for (const live of figures) {
      expect(live.inputsFor(own)).toEqual([OWN_CAPTURE.input]);
      await expect(live.make(own, inputs)).rejects.toThrow(`live figure '${live.id}' needs the input file 'capture'`);
    }
  });

  test("that claims more memory than can be built ends with one line, at once, and its layout is still counted", async () => {
    const inputs = ownFile([[0, 2 ** 33, "A", 2 ** 34, 0, 0]]);
    for (const id of ["process-policies", "process-walks", "process-designs"]) {
      const error = await liveFigure(id)
        .make(own, inputs)
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(/^32T of (anonymous )?memory: the model takes processes of up to 4G$/);
    }
    const { rows } = await liveFigure("process-layouts").make(own, inputs);
    expect(rows[0]).toMatchObject({ layout: "4K", entries: 2 ** 33 });
  });

  test("whose pages are scattered over more than can be built ends with one line", async () => {
    const far = Array.from({ length: 20_000 }, (_, i) => [512 * i, 1, "A", 2 * i, 0, 0]);
    await expect(liveFigure("process-walks").make(own, ownFile(far))).rejects.toThrow(
      "anonymous memory in blocks of 2M that are 40000M in all: the model takes up to 32G",
    );
  });

  test("with terabytes of address space and little in it is built", async () => {
    const { rows } = await liveFigure("process-walks").make(own, ownFile([[0, 600, "A", 1024, 0, 0]]));
    expect(rows.length).toBeGreaterThan(5);
  });

  test("without any anonymous page says so where that is what is built", async () => {
    await expect(liveFigure("process-walks").make(own, ownFile([[0, 4, "F", 8, 0, 0]]))).rejects.toThrow(
      "this process has no anonymous memory: there is nothing to build in the model",
    );
  });

  test("that is swapped out has no coverage, in one line", async () => {
    await expect(liveFigure("process-coverage").make(own, ownFile([[0, 4, "S"]]))).rejects.toThrow(
      "nothing of this process is in memory: thpmaps says nothing of it",
    );
  });

  test("at addresses that no format reaches ends with one line", async () => {
    const high = ownFile([[0, 4, "A", 8, 0, 0]], 4096, [2 ** 39, 2 ** 39 + 64]);
    await expect(liveFigure("process-designs").make({ ...own, arch: "x86-64" }, high)).rejects.toThrow(UserError);
    expect((await liveFigure("process-walks").make(own, high)).rows.length).toBeGreaterThan(5);
  });

  test("with larger pages is compared on formats that have them", async () => {
    const large = ownFile([[0, 64, "A", 64, 0, 0]], 65536, [0, 2 ** 30]);
    const { rows } = await liveFigure("process-walks").make(own, large);
    expect(rows.map((row) => row.name)).toEqual(["arm64-64k 64K", "arm64-64k 2M contpte"]);
    expect((await liveFigure("process-designs").make(own, large)).rows.length).toBe(5);
    await expect(liveFigure("process-policies").make(own, large)).rejects.toThrow("on 4K pages only");
  });
});

test("every operation on a process is the same with every design, and each has costs that differ", async () => {
  const live = liveFigure("process-designs");
  const { operation } = live.params;
  for (const name of operation!.kind === "choice" ? operation.options : []) {
    const made = await live.make({ capture: "python, malloc THP", operation: name, arch: "arm64-4k" }, inputs);
    expect(made.rows.map((row) => row.side)).toEqual(["folded", "ptp", "cursor", "pagewalk", "ptRangeWalk"]);
    expect(made.columns.length).toBeGreaterThan(2);
  }
});
