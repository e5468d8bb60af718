/**
 * The Jupyter kernel beside stock tslab, which runs on its own TypeScript 5.0. Both are real processes that are spoken to over the same
 * wire client; times are wall time as a front end sees it, from a request to its reply.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type Client, type Content, startClient } from "../jupyter/wire-client.ts";
import { type BenchCase, type Context, type Goal, type Round, spread, type Variant } from "./harness.ts";

interface Rival {
  readonly name: string;
  start(): Promise<Client>;
}

/** Without a wait for the subscription: stock tslab does not tell, and loses messages on iopub where it is busy. */
const start = (command?: readonly string[]) => startClient({ command, welcome: false });
const STOCK_COMMAND = [join(PROJECT_ROOT, "node_modules", "tslab", "bin", "tslab"), "kernel", "--config-path"];

const OURS: Rival = { name: "ptlab", start: () => start() };
const STOCK: Rival = { name: "tslab", start: () => start(STOCK_COMMAND) };

/** Milliseconds from now until a promise resolves. */
async function elapsed(body: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await body();
  return performance.now() - start;
}

/** The reply to a request; stock tslab does not always tell that it is idle again. */
async function ask(client: Client, type: string, content: object = {}): Promise<Content> {
  client.request("shell", type, content).catch(() => {});
  const id = client.sent().msg_id;
  return (await client.seen((m) => m.channel === "shell" && m.parentHeader.msg_id === id)).content;
}

async function execute(client: Client, code: string): Promise<void> {
  const reply = await ask(client, "execute_request", { code });
  if (reply.status !== "ok") throw new Error(`${code}: ${JSON.stringify(reply)}`);
}

/** What a later cell is: declarations, uses of earlier names, a class, an await, a loop. Any may follow any. */
const CELLS: readonly string[] = [
  "const total = [1, 2, 3].reduce((a, b) => a + b, 0);",
  "let counter = 0;\nconst next = () => ++counter;",
  "next() + counter",
  "interface Row { name: string; size: number }\nconst rows: Row[] = [{ name: 'a', size: 1 }, { name: 'b', size: 2 }];",
  "rows.map((row) => row.size * 2)",
  "class Box<T> {\n  constructor(private item: T) {}\n  get() { return this.item; }\n}\nconst box = new Box(5);",
  "box.get().toFixed(2)",
  "console.log('total', total);",
  "const later = await Promise.resolve(total);",
  "for (const row of rows) console.log(row.name, row.size);",
];

/** Definitions that the cells above and the completions below use. */
const PREAMBLE = [...CELLS, "const record = { lastName: 'x', lastSeen: 3, first: true };"];

/** A kernel that has run the preamble, stopped with the case. */
async function warmKernel(context: Context, rival: Rival): Promise<Client> {
  const client = await rival.start();
  context.onStop(() => client.process.kill("SIGKILL"));
  for (const code of PREAMBLE) await execute(client, code);
  return client;
}

interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly measures?: string;
  readonly goals: readonly Goal[];
  readonly rounds?: number;
  readonly roundsPer?: number;
  readonly warmUp?: number;
  /** What is done in each round of a rival; gives the amount of one unit. */
  prepare(context: Context, rival: Rival): Promise<() => Promise<number>>;
}

function measured({ name, unit, measures = "ms of wall time", prepare, warmUp = 0, ...rest }: Measured): BenchCase {
  const variant = async (context: Context, rival: Rival): Promise<Variant> => {
    const measure = await prepare(context, rival);
    return { name: rival.name, round: async (): Promise<Round> => ({ units: 1, amount: await measure() }) };
  };
  const variants = async (context: Context) => [await variant(context, STOCK), await variant(context, OURS)];
  return { group: "jupyter", name, unit, measures, baseline: STOCK.name, warmUp, variants, ...rest };
}

const atMost = (limit: number): Goal[] => [{ variant: OURS.name, atMost: limit }];

/** A kernel is started in every round, and ended when its time is known. */
const started = (body: (client: Client) => Promise<number>) => async (_: Context, rival: Rival) => async () => {
  const begin = performance.now();
  const client = await rival.start();
  try {
    const rest = await body(client);
    return rest === 0 ? performance.now() - begin : rest;
  } finally {
    client.process.kill("SIGKILL");
    await client.close();
  }
};

const IMPORT =
  "import * as Plot from '@observablehq/plot';\nimport * as d3 from 'd3';\ntypeof Plot.plot + typeof d3.max";

const PLACES: readonly (readonly [code: string, offset: number])[] = [
  ["record.last", 11],
  ["const x = ne", 12],
  ["rows.map((row) => row.", 22],
  ["console.", 8],
];

/** Resident memory of a process and all that it has started, in bytes. */
function residentMemory(root: number): number {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss="], { encoding: "utf8" });
  const all = rows
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number));
  const sum = (pid: number): number =>
    all.reduce((bytes, [own, parent, kib]) => bytes + (own === pid ? kib! * 1024 : parent === pid ? sum(own!) : 0), 0);
  return sum(root);
}

interface Growth {
  readonly memory: number;
  readonly time: number;
}

/** What 500 cells leave behind: memory after them to memory after the first 100, and so for the time of a cell. */
async function growthOf(rival: Rival): Promise<Growth> {
  const client = await rival.start();
  for (const code of PREAMBLE) await execute(client, code);
  const stretch = async (cells: number): Promise<Growth> => {
    const times: number[] = [];
    for (let i = 0; i < cells; i++) times.push(await elapsed(() => execute(client, CELLS[i % CELLS.length]!)));
    return { memory: residentMemory(client.process.pid!), time: spread(times).median };
  };
  const early = await stretch(100);
  await stretch(300);
  const late = await stretch(100);
  await client.close();
  return { memory: late.memory / early.memory, time: late.time / early.time };
}

/** One run of 500 cells a rival gives both. */
const growths = new Map<Rival, Promise<Growth>>();

const afterMany = (what: keyof Growth) => async (_: Context, rival: Rival) => async (): Promise<number> => {
  const run = growths.get(rival) ?? growthOf(rival);
  growths.set(rival, run);
  return (await run)[what];
};

/** The cases of the group. */
export const cases: readonly BenchCase[] = [
  measured({
    name: "start, until the kernel's info and a first cell have been answered",
    unit: "start",
    goals: atMost(1),
    prepare: started(async (client) => {
      await ask(client, "kernel_info_request");
      await execute(client, "1 + 1");
      return 0;
    }),
  }),
  measured({
    name: "a later cell",
    unit: "cell",
    goals: atMost(0.5),
    roundsPer: 6,
    warmUp: 20,
    prepare: async (context, rival) => {
      const client = await warmKernel(context, rival);
      let next = 0;
      return () => elapsed(() => execute(client, CELLS[next++ % CELLS.length]!));
    },
  }),
  measured({
    name: "the cell that imports Plot and d3 into a fresh kernel",
    unit: "cell",
    goals: atMost(1),
    prepare: started(async (client) => {
      await execute(client, "1 + 1");
      return elapsed(() => execute(client, IMPORT));
    }),
  }),
  measured({
    name: "completion",
    unit: "request",
    goals: [{ variant: OURS.name, atMost: 20, of: null }],
    roundsPer: 6,
    warmUp: 8,
    prepare: async (context, rival) => {
      const client = await warmKernel(context, rival);
      let next = 0;
      return () => {
        const [code, offset] = PLACES[next++ % PLACES.length]!;
        return elapsed(() => ask(client, "complete_request", { code, cursor_pos: offset }));
      };
    },
  }),
  ...(["memory", "time"] as const).map((what) =>
    measured({
      name: `${what} of a cell after 500 cells, to that after 100`,
      unit: "run",
      measures: "times as much",
      goals: [{ variant: OURS.name, atMost: 1.15, of: null }],
      rounds: 1,
      prepare: afterMany(what),
    }),
  ),
];
