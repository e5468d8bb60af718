/**
 * What Lighthouse says of the three main pages. It is no part of the project: `PTLAB_LIGHTHOUSE` names its command line's
 * file. Its performance is a measurement, so it runs when nothing else does.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM } from "./chromium.ts";
import { compressingServer } from "./compressing-server.ts";
import { ROOT } from "./site-browser.ts";

const LIGHTHOUSE = process.env.PTLAB_LIGHTHOUSE;
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"] as const;

describe.skipIf(!LIGHTHOUSE)(`Lighthouse${LIGHTHOUSE ? "" : " (PTLAB_LIGHTHOUSE names no file)"}`, () => {
  let server: Awaited<ReturnType<typeof compressingServer>>;
  beforeAll(async () => {
    server = await compressingServer(join(ROOT, "dist"));
  });
  afterAll(() => server.close());

  test.each(["", "notebooks/010-walk-cost/", "start/"])(
    "gives /%s 100 in every category",
    async (path) => {
      // Other programs on the machine cost a page time, but none gives it any: the best of three is the page's own.
      const best = new Map<string, number>();
      for (let i = 0; i < 3 && !CATEGORIES.every((category) => best.get(category) === 100); i++) {
        const scores = await lighthouse(server.address + path);
        for (const category of CATEGORIES) best.set(category, Math.max(best.get(category) ?? 0, scores[category]));
      }
      expect(Object.fromEntries(best)).toEqual(Object.fromEntries(CATEGORIES.map((category) => [category, 100])));
    },
    240_000,
  );
});

async function lighthouse(url: string): Promise<Record<(typeof CATEGORIES)[number], number>> {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-lighthouse-"));
  const file = join(folder, "report.json");
  const flags = ["--quiet", "--output=json", `--output-path=${file}`, "--chrome-flags=--headless=new --no-sandbox"];
  try {
    await promisify(execFile)(process.execPath, [LIGHTHOUSE!, url, ...flags], {
      env: { ...process.env, CHROME_PATH: CHROMIUM },
    });
    const { categories } = JSON.parse(await readFile(file, "utf8"));
    return Object.fromEntries(CATEGORIES.map((c) => [c, Math.round(categories[c].score * 100)])) as never;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
