/**
 * Pages that are kept between builds: whatever renders them makes them anew.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { RENDERING, renderingDigest } from "../../site/rendering.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { importsOf } from "../../src/notebook/imports.ts";
import { newProject } from "../notebook/project.ts";

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
});
afterEach(() => project.remove());

test.each([
  "src/notebook/render/page.ts",
  "src/notebook/normalise.ts",
  "src/notebook/figures.ts",
  "site/loader.ts",
  "site/prose/terms.ts",
  "astro.config.mjs",
  "package-lock.json",
])("a change of %s makes all pages anew", async (file) => {
  const before = await renderingDigest(project.root);
  await project.write(file, "export {};\n");
  expect(await renderingDigest(project.root)).not.toBe(before);
});

test("a change of what runs in the page alone, or of a style, makes none anew", async () => {
  const before = await renderingDigest(project.root);
  await project.write("site/cells/page/runner.ts", "export {};\n");
  await project.write("site/styles/ptlab.css", "");
  expect(await renderingDigest(project.root)).toBe(before);
});

test("every source that the loader and the settings of the build import is among what makes pages anew", async () => {
  const { files } = await importsOf(
    ['import "./site/loader.ts"; import "./astro.config.mjs";'],
    PROJECT_ROOT,
    PROJECT_ROOT,
  );
  const sources = Object.keys(files);
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((file) => !RENDERING.some((path) => file === path || file.startsWith(`${path}/`)))).toEqual([]);
});
