/**
 * Reading traces: the same accesses out of valgrind's text, by a program in C and by ours, and out of a `.ptt` file.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type AccessWords, kindAt, lineAt } from "../../src/mmu/access-words.ts";
import { openTrace } from "../../src/study/trace/open.ts";
import { pttBytes } from "../../src/study/trace/ptt.ts";
import { allWords, bytesInput, type TraceInput } from "../../src/study/trace/source.ts";
import { buildC, startC } from "./c-program.ts";
import type { BenchCase, Context, Round, Variant } from "./harness.ts";

const C = "text, C -O2 with fgets";
const PTT = ".ptt";

/** Instructions to an access, as in valgrind's recordings of real programs. */
const FETCHES = 2;

/** Lackey's text of a program with these accesses. */
function lackeyText(words: AccessWords): string {
  const lines: string[] = ["==1== Lackey, an example Valgrind tool"];
  for (let i = 0; i < words.length / 2; i++) {
    for (let f = 0; f < FETCHES; f++) lines.push(`I  ${(0x401000 + 4 * ((FETCHES * i + f) % 9973)).toString(16)},4`);
    lines.push(` ${kindAt(words, i) === 0 ? "L" : "S"} ${(lineAt(words, i) * 64).toString(16).padStart(8, "0")},8`);
  }
  return `${lines.join("\n")}\n`;
}

async function variants(context: Context): Promise<(Variant | string)[]> {
  const slice = readFileSync(path.resolve(import.meta.dirname, "../../notebooks/data/sqlite.ptt"));
  const source = await openTrace(bytesInput(slice, "sqlite.ptt"));
  const words = await allWords(source.chunks(0, context.quick ? 2 ** 18 : 2 ** 20));
  const text = Buffer.from(lackeyText(words));
  const packed: Uint8Array[] = [];
  for await (const part of pttBytes([words], { text: "" })) packed.push(part);
  return [
    cVariant(context, text),
    ours("text, ours", bytesInput(text, "text")),
    ours(PTT, bytesInput(Buffer.concat(packed), "ptt")),
  ];
}

function cVariant(context: Context, text: Uint8Array): Variant | string {
  const program = buildC(context, "lackey.c");
  if (program === null) return `${C}: there is no gcc`;
  const file = path.join(context.temp, "lackey.txt");
  writeFileSync(file, text);
  const c = startC(context, program, [file]);
  return { name: C, round: () => c.ask("run") };
}

/** Opens and reads all; what is done with an access is one addition. */
function ours(name: string, input: TraceInput): Variant {
  return {
    name,
    async round(): Promise<Round> {
      let [accesses, sum] = [0, 0];
      for await (const words of (await openTrace(input)).chunks()) {
        accesses += words.length / 2;
        sum = (sum + sumOf(words)) | 0;
      }
      return { units: accesses, counts: { accesses, sum: sum >>> 0 } };
    },
  };
}

function sumOf(words: AccessWords): number {
  let sum = 0;
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]!;
    const line = (low >>> 2) | (words[i + 1]! << 30);
    sum = (sum + Math.imul(line, 3) + (low & 3)) | 0;
  }
  return sum;
}

/** The cases of the group. */
export const cases: readonly BenchCase[] = [
  {
    group: "trace",
    name: "reading the accesses of a sqlite run",
    unit: "access",
    baseline: C,
    goals: [
      { variant: "text, ours", atMost: 1.25 },
      { variant: PTT, atMost: 0.3 },
    ],
    variants,
  },
];
