/**
 * Where the kernelspec goes, what it names, and what stands in the way.
 */
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataDir, type Machine } from "../../src/jupyter/data-dir.ts";
import { type InstallEffects, installCommand, uninstallCommand } from "../../src/jupyter/kernelspec.ts";

const user: Machine = { env: {}, platform: "linux", home: "/home/ada", isRoot: false };

describe("Jupyter's data folder", () => {
  test.each([
    ["for a user on Linux", {}, user, "/home/ada/.local/share/jupyter"],
    ["for root", {}, { ...user, isRoot: true }, "/usr/local/share/jupyter"],
    ["for root with --user", { user: true }, { ...user, isRoot: true }, "/home/ada/.local/share/jupyter"],
    ["on macOS", { user: true }, { ...user, platform: "darwin" }, "/home/ada/Library/Jupyter"],
    ["with XDG_DATA_HOME", {}, { ...user, env: { XDG_DATA_HOME: "/xdg" } }, "/xdg/jupyter"],
    ["with JUPYTER_DATA_DIR", { user: true }, { ...user, env: { JUPYTER_DATA_DIR: "/data" } }, "/data"],
    ["with --prefix", { prefix: "/opt/env" }, user, "/opt/env/share/jupyter"],
    ["with --sys-prefix", { sysPrefix: true }, { ...user, env: { VIRTUAL_ENV: "/venv" } }, "/venv/share/jupyter"],
  ])("%s", (_, place, machine, expected) => {
    expect(dataDir(place, machine)).toBe(expected);
  });

  test("two places at once are refused", () => {
    expect(() => dataDir({ user: true, prefix: "/x" }, user)).toThrow("--user and --prefix are given: at most one");
  });

  test("--sys-prefix without an environment is refused", () => {
    expect(() => dataDir({ sysPrefix: true }, user)).toThrow("neither VIRTUAL_ENV nor CONDA_PREFIX");
  });
});

describe("installing", () => {
  let folder: string;
  let lines: string[];
  const effects = (): InstallEffects => ({ ...user, cwd: folder, print: (line) => void lines.push(line) });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ptlab-spec-"));
    lines = [];
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("the spec names programs that exist, by absolute paths, and leaves no temporary file", async () => {
    await installCommand({ prefix: "env" }, effects());
    const at = join(folder, "env", "share", "jupyter", "kernels", "ptlab");
    expect((await readdir(at)).sort()).toEqual(["kernel.json", "logo-svg.svg"]);
    const spec = JSON.parse(await readFile(join(at, "kernel.json"), "utf8"));
    expect(spec).toMatchObject({ display_name: "ptlab (TypeScript)", language: "typescript" });
    const paths = spec.argv.filter((word: string) => isAbsolute(word));
    expect(paths).toHaveLength(2);
    for (const path of paths) await access(path);
    expect(spec.argv.at(-1)).toBe("{connection_file}");
    expect(lines).toEqual([`installed ptlab (TypeScript) in ${at}`]);
  });

  test("installing again and uninstalling leave nothing behind; a second uninstall says so", async () => {
    await installCommand({ prefix: folder }, effects());
    await installCommand({ prefix: folder }, effects());
    await uninstallCommand({ prefix: folder }, effects());
    expect(await readdir(join(folder, "share", "jupyter", "kernels"))).toEqual([]);
    await expect(uninstallCommand({ prefix: folder }, effects())).rejects.toThrow("no kernel is installed in");
  });

  test("a folder that cannot be written is named in one line", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(installCommand({ prefix: "file" }, effects())).rejects.toThrow(/^cannot write .*ENOTDIR/);
  });
});
