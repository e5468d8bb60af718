/**
 * Highlighted code on a machine that is so busy that a second passes between two looks at the clock.
 */
import { ExpressiveCode } from "@astrojs/starlight/expressive-code";
import { toHtml } from "@astrojs/starlight/expressive-code/hast";
import { afterEach, expect, test, vi } from "vitest";
import { untilTheEnd } from "../../site/highlighting.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function highlighted(transformers: readonly unknown[]): Promise<string> {
  const highlighter = new ExpressiveCode({ shiki: { transformers: [...transformers] } });
  const { renderedGroupAst } = await highlighter.render({ code: 'import { walk } from "ptlab"', language: "ts" });
  return toHtml(renderedGroupAst);
}

function slowDown(): void {
  let now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => (now += 1000));
}

test("code on a slow machine is highlighted as on any other", async () => {
  const expected = await highlighted([untilTheEnd]);
  slowDown();
  expect(await highlighted([])).not.toBe(expected);
  expect(await highlighted([untilTheEnd])).toBe(expected);
});
