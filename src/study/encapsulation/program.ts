/**
 * Programs for the world: six short stories, one for each failure, and random ones that a seed decides. Both run alike with
 * either access; what differs is what is found.
 */
import type { AccessDirty, Format } from "../../arch/format.ts";
import { invariant } from "../../base/errors.ts";
import { type Random, random } from "../../base/random.ts";
import type { Tally } from "../../base/tally.ts";
import type { ContpteRules } from "../../pgtable/contpte-rules.ts";
import type { Failure, Finding } from "./finding.ts";
import { type AccessName, World } from "./world.ts";

/** A story: the steps that lead a raw dereference into one failure. */
export interface Story {
  readonly failure: Failure;
  /** What happens, in one sentence. */
  readonly text: string;
  /** Each step gets the world and the program's first page. */
  readonly steps: readonly ((world: World, page: number) => void)[];
}

const map = (w: World, p: number) => w.mapBlock(p);

/** The failures that the encapsulation series feared, one story each. */
export const STORIES: readonly Story[] = [
  {
    failure: "lost on block",
    text: "A page of a block is written, hardware notes it on a neighbour's entry, and reclaim asks the page's own entry.",
    steps: [map, (w, p) => w.touch(p + 2, true, p + 5), (w, p) => w.reclaim(p + 2)],
  },
  {
    failure: "leaked contiguous bit",
    text: "The entry of one page of a block is read, and what was read is stored elsewhere.",
    steps: [map, (w, p) => w.touch(p + 2, true), (w, p) => w.copy(p + 2, p + w.block + 1)],
  },
  {
    failure: "stray pointer",
    text: "A callback fills its local variable with a helper, on a stack where copies of a block's entries still lie.",
    steps: [map, (w, p) => dumpTwice(w, p), (w, p) => w.install(p + w.block + 1)],
  },
  {
    failure: "racing store",
    text: "An entry is read, a program writes to the page, and the entry is stored without write permission.",
    steps: [
      (w, p) => w.install(p + 1),
      (w, p) => w.protect(p + 1, true),
      (w, p) => w.wrprotect(p + 1, () => w.hardware.touch(p + 1, true, p + 1, true)),
    ],
  },
  {
    failure: "stale translation",
    text: "One page of a block loses write permission and is flushed; a neighbour's access brings the whole block back.",
    steps: [
      map,
      (w, p) => w.touch(p + 2, true),
      (w, p) => w.protect(p + 2, false),
      (w, p) => w.touch(p + 3, true, p + 3),
    ],
  },
  {
    failure: "size conflict",
    text: "One page of a block is dropped and mapped anew by itself, while neighbours' entries still speak for all of the block.",
    steps: [
      map,
      (w, p) => w.reclaim(p + 2),
      (w, p) => w.touch(p + 2, false, p + 2),
      (w, p) => w.touch(p + 3, false, p + 3),
      (w, p) => w.touch(p + 2, false, p + 2),
    ],
  },
];

/** Every call leaves its copy, so two blocks' worth of them cover the stack that later calls use. */
function dumpTwice(w: World, p: number): void {
  w.dump(p, w.block);
  w.dump(p, w.block);
}

/** What may be left out when a program is run. */
export interface ProgramSpec {
  readonly format: Format;
  readonly access: AccessName;
  readonly accessDirty?: AccessDirty;
  readonly contpteRules?: Partial<ContpteRules>;
  readonly contpte?: boolean;
  /** Gets what the accesses to entries count. */
  readonly spent?: Tally;
}

/** Runs a story and returns everything that was found, in order. */
export function tellStory(story: Story, spec: ProgramSpec): Finding[] {
  const world = new World(spec);
  return story.steps.flatMap((step) => world.step(() => step(world, world.start)));
}

/** A finding of a random program: the step counts from 0. */
export interface FoundAt {
  readonly step: number;
  readonly what: string;
  readonly finding: Finding;
}

/** One step of a random program, drawn before the world is looked at, so that both accesses run the same program. */
interface Draw {
  readonly what: string;
  readonly act: (world: World) => void;
}

/** Runs a random program of so many steps and returns all that was found, in order. */
export function runProgram(spec: ProgramSpec, seed: number, steps: number): FoundAt[] {
  const world = new World(spec);
  const rng = random(seed);
  const found: FoundAt[] = [];
  for (let step = 0; step < steps; step++) {
    const { what, act } = drawStep(rng, world);
    for (const finding of world.step(() => act(world))) found.push({ step, what, finding });
  }
  return found;
}

/** Weights of the steps: programs touch memory more often than the kernel looks at it. */
const WEIGHTS = {
  touch: 8,
  map: 2,
  age: 3,
  reclaim: 3,
  protect: 2,
  wrprotect: 2,
  block: 2,
  move: 1,
  copy: 1,
  unmap: 1,
  install: 2,
} as const;
const KINDS = Object.entries(WEIGHTS).flatMap(([kind, n]) =>
  Array.from({ length: n }, () => kind as keyof typeof WEIGHTS),
);

function drawStep(rng: Random, world: World): Draw {
  const kind = rng.pick(KINDS);
  const page = world.start + rng.below(world.pages);
  const near = page - (page % world.block) + rng.below(world.block);
  const other = world.start + rng.below(world.pages);
  const [write, cold, races] = [rng.below(2) === 0, rng.below(2) === 0, rng.below(2) === 0];
  const raced = () => {
    if (races) world.hardware.touch(page, true, near, cold);
  };
  const acts: Record<keyof typeof WEIGHTS, (w: World) => void> = {
    touch: (w) => w.touch(page, write, near, cold),
    map: (w) => w.mapBlock(page),
    age: (w) => void w.age(page, raced),
    reclaim: (w) => w.reclaim(page, raced),
    protect: (w) => w.protect(page, write, raced),
    wrprotect: (w) => w.wrprotect(page, raced),
    block: (w) => w.protectBlock(page, write, raced),
    move: (w) => w.move(page, other, raced),
    copy: (w) => w.copy(page, other),
    unmap: (w) => w.unmap(page, Math.min(1 + (other % world.block), world.start + world.pages - page)),
    install: (w) => w.install(page),
  };
  return { what: `${kind} ${page - world.start}`, act: acts[kind] };
}

/** The story of a failure. */
export function storyOf(failure: Failure): Story {
  const story = STORIES.find((s) => s.failure === failure);
  invariant(story !== undefined, `no story of '${failure}'`);
  return story;
}
