/**
 * A story of the encapsulation experiment told slowly: each step with the raw words that it changed, in the program's entries
 * and on its stack, and with what the detector says of it.
 */
import { attrText, Kind } from "../../arch/entry.ts";
import { type Finding, wordOf } from "./finding.ts";
import type { ProgramSpec, Story } from "./program.ts";
import { World } from "./world.ts";

/** Neighbouring words that one step changed alike; `before` and `after` are those of the first. */
export interface ChangedWords {
  /** Pages of the program counted from 0, or words of the stack: `page 2`, `pages 0-15`, `stack 1-15`. */
  readonly place: string;
  /** The word in hexadecimal, and its attributes as `attrText` writes them; `empty` for an empty entry. */
  readonly before: string;
  readonly after: string;
}

/** One step. `code` is the step as the program has it. */
export interface ToldStep {
  readonly code: string;
  readonly changed: readonly ChangedWords[];
  readonly findings: readonly Finding[];
}

/** What a word was before and after a step. */
interface Change {
  readonly at: number;
  readonly before: Word;
  readonly after: Word;
}

interface Word {
  readonly lo: number;
  readonly hi: number;
  /** What it says, as an entry of level 0. */
  readonly says: string;
}

/** Runs a story and watches every word of it. */
export function retellStory(story: Story, spec: ProgramSpec): ToldStep[] {
  const world = new World(spec);
  return story.steps.map((step) => {
    const before = wordsOf(world);
    let after = before;
    const findings = world.step(() => {
      step(world, world.start);
      // Taken before the detector looks, which puts damaged stack words right again.
      after = wordsOf(world);
    });
    const changed = before.flatMap(({ name, words }, i) => changesText(name, words, after[i]!.words));
    return { code: codeOf(step), changed, findings };
  });
}

/** The step's own text, without what it calls its arguments. */
function codeOf(step: Story["steps"][number]): string {
  return String(step)
    .replace(/^\([^)]*\)\s*=>\s*/, "")
    .replace(/\s+/g, " ");
}

function wordsOf(world: World): { name: string; words: Word[] }[] {
  const { pt, stack } = world;
  const first = pt.find(world.start, 0);
  const entries = first < 0 ? [] : wordsFrom(world, first, world.pages);
  return [
    // Before its table is made, every entry is as good as empty.
    { name: "page", words: entries.length > 0 ? entries : emptyWords(world) },
    { name: "stack", words: wordsFrom(world, stack.first, stack.words) },
  ];
}

function wordsFrom({ pt }: World, first: number, n: number): Word[] {
  return Array.from({ length: n }, (_, i) => {
    const slot = first + i;
    const says = pt.kind(slot, 0) === Kind.leaf ? attrText(pt.attrs(slot)) : "empty";
    return { lo: pt.lo(slot), hi: pt.hi(slot), says };
  });
}

function emptyWords({ pt, pages }: World): Word[] {
  return Array.from({ length: pages }, () => ({ lo: pt.format.empty[0]!, hi: 0, says: "empty" }));
}

function changesText(name: string, before: readonly Word[], after: readonly Word[]): ChangedWords[] {
  const changes = before
    .map((word, at) => ({ at, before: word, after: after[at]! }))
    .filter((c) => c.before.lo !== c.after.lo || c.before.hi !== c.after.hi);
  const runs: Change[][] = [];
  for (const change of changes) {
    const run = runs.at(-1);
    if (run !== undefined && alike(run.at(-1)!, change)) run.push(change);
    else runs.push([change]);
  }
  return runs.map((run) => runText(name, run));
}

function alike(a: Change, b: Change): boolean {
  return a.at + 1 === b.at && a.before.says === b.before.says && a.after.says === b.after.says;
}

function runText(name: string, run: readonly Change[]): ChangedWords {
  const [first, last] = [run[0]!, run.at(-1)!];
  const many = name === "page" ? "pages" : name;
  const place = first === last ? `${name} ${first.at}` : `${many} ${first.at}-${last.at}`;
  return { place, before: wordText(first.before), after: wordText(first.after) };
}

function wordText({ lo, hi, says }: Word): string {
  return says === "empty" ? says : `${wordOf(lo, hi)} ${says}`.trimEnd();
}
