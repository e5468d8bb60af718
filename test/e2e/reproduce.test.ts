import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { reproduceCommand } from "../../src/cli/reproduce.ts";
import { readRecipe } from "../../src/figure/recipe.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";
import { lazyHost } from "../../src/jupyter/session/host.ts";
import { figuresOf } from "../../src/notebook/figures.ts";
import { listNotebooks, readNotebook } from "../../src/notebook/file.ts";

const folder = mkdtempSync(join(tmpdir(), "ptlab-reproduce-"));
afterAll(() => rmSync(folder, { recursive: true }));

const notebooks = join(PROJECT_ROOT, "notebooks");
const host = lazyHost();

/** What the command says of a picture. */
async function reproduce(name: string, svg: string): Promise<{ status: number; out: string }> {
  let out = "";
  const file = join(folder, name);
  writeFileSync(file, svg);
  const effects = {
    out: (text: string) => {
      out += text;
    },
    err: () => {},
    ...{ terminal: false, root: PROJECT_ROOT, host: host.get, createSession: startSession },
  };
  return { status: await reproduceCommand(file, { runCells: true }, effects), out };
}

describe.each(await listNotebooks(notebooks))("%s", async (name) => {
  const figures = figuresOf(await readNotebook(join(notebooks, name)));
  test.each(figures.map(({ number, bundle, stored }) => [number, stored.data.title, String(bundle["image/svg+xml"])]))(
    "figure %i, %s, is made again from its file alone",
    { timeout: 300_000 },
    async (number, _, svg) => {
      const { status, out } = await reproduce(`${name}-${number}.svg`, String(svg));
      expect(out).toContain("\nmatches\n");
      expect(status).toBe(0);
    },
  );
});

test("the pictures of notebooks hold between them recipes of both kinds", async () => {
  const all = await Promise.all((await listNotebooks(notebooks)).map((name) => readNotebook(join(notebooks, name))));
  const recipes = all.flatMap(figuresOf).map(({ bundle }) => readRecipe(String(bundle["image/svg+xml"])));
  expect(recipes.filter(({ live }) => live !== undefined).length).toBeGreaterThan(50);
  expect(recipes.filter(({ cells }) => cells !== undefined).length).toBeGreaterThan(3);
});
