/**
 * Files that are kept between builds: each is made anew when anything has changed that decides over it.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { API_INPUTS } from "../../site/api/load.ts";
import { PICTURE_INPUTS } from "../../site/how-fast.ts";
import { LONE_INPUTS } from "../../site/lone-figures.ts";
import { TYPE_INPUTS } from "../../site/types/integration.ts";
import { importsOf } from "../../src/notebook/imports.ts";
import { newProject } from "../notebook/project.ts";

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
  return project.remove();
});

test.each([
  ["site/api/symbols.ts", API_INPUTS],
  ["site/types/declarations.ts", API_INPUTS],
  ["site/how-fast.ts", PICTURE_INPUTS],
  ["site/lone-figures.ts", LONE_INPUTS],
  ["site/types/environment.ts", TYPE_INPUTS],
  ["site/types/hovers.ts", TYPE_INPUTS],
])("everything that %s imports decides over what it makes", async (file, inputs) => {
  const { files } = await importsOf([`import "./${file}";`], ROOT, ROOT);
  const isInput = (name: string) => inputs.some((path) => name === path || name.startsWith(`${path}/`));
  expect(Object.keys(files)).toContain(file);
  expect(Object.keys(files).filter((name) => !isInput(name))).toEqual([]);
  expect(inputs).toContain("package-lock.json");
});

test("a file is made once for the same inputs, and again when one of them has changed", async () => {
  vi.spyOn(process, "cwd").mockReturnValue(project.root);
  vi.resetModules();
  const { kept } = await import("../../site/kept.ts");
  const make = vi.fn(async () => `made ${make.mock.calls.length}\n`);
  const file = { name: "folder/file", inputs: ["src", "site/host.ts"], make };
  expect(await kept(file)).toBe("made 1\n");
  expect(await kept(file)).toBe("made 1\n");
  await project.write("src/deep/new.ts", "export {};\n");
  expect(await kept(file)).toBe("made 2\n");
  await project.write("site/host.ts", "export {};\n");
  expect(await kept(file)).toBe("made 3\n");
  await project.write("site/other.ts", "export {};\n");
  expect(await kept(file)).toBe("made 3\n");
});
