/**
 * Where the kernelspec goes, what it names, and what stands in the way.
 */
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataDir, type Machine } from "../../src/jupyter/install/data-dir.ts";
import { type InstallEffects, installCommand, uninstallCommand } from "../../src/jupyter/install/kernelspec.ts";
import { machineOf, pathsJson } from "./made-up-machine.ts";

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
  let looks: string[] = [];
  const effects = (): InstallEffects => ({
    ...machineOf({ files: {}, programs: { "/bin/jupyter": () => pathsJson(...looks) }, env: { PATH: "/bin" } }),
    cwd: folder,
    print: (line) => void lines.push(line),
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ptlab-spec-"));
    lines = [];
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("the spec names programs that exist, by absolute paths, and leaves no temporary file", async () => {
    looks = [join(folder, "env", "share", "jupyter")];
    await installCommand({ prefix: "env" }, effects());
    const at = join(folder, "env", "share", "jupyter", "kernels", "ptlab");
    expect((await readdir(at)).sort()).toEqual(["kernel.json", "logo-svg.svg"]);
    const spec = JSON.parse(await readFile(join(at, "kernel.json"), "utf8"));
    expect(spec).toMatchObject({ display_name: "ptlab (TypeScript)", language: "typescript" });
    const paths = spec.argv.filter((word: string) => isAbsolute(word));
    expect(paths).toHaveLength(2);
    for (const path of paths) await access(path);
    expect(spec.argv.at(-1)).toBe("{connection_file}");
    expect(lines).toEqual([
      `installed ptlab (TypeScript) in ${at}`,
      "start: jupyter notebook, or jupyter console --kernel ptlab",
    ]);
  });

  test("installing again and uninstalling leave nothing behind; a second uninstall says so", async () => {
    await installCommand({ prefix: folder }, effects());
    await installCommand({ prefix: folder }, effects());
    await uninstallCommand({ prefix: folder }, effects());
    expect(await readdir(join(folder, "share", "jupyter", "kernels"))).toEqual([]);
    await expect(uninstallCommand({ prefix: folder }, effects())).rejects.toThrow("no kernel is installed in");
  });

  test("a place where Jupyter does not look is named, with the setting that makes it look", async () => {
    lines = [];
    looks = ["/elsewhere"];
    await installCommand({ prefix: "env" }, effects());
    const data = join(folder, "env", "share", "jupyter");
    expect(lines.slice(1)).toEqual([
      "note: /bin/jupyter does not look there unless JUPYTER_PATH names it",
      `start: JUPYTER_PATH=${data} jupyter notebook, or JUPYTER_PATH=${data} jupyter console --kernel ptlab`,
    ]);
  });

  test("a place whose name a shell would split is quoted", async () => {
    lines = [];
    await installCommand({ prefix: "it's mine" }, effects());
    expect(lines[2]).toContain(`JUPYTER_PATH='${folder}/it'\\''s mine/share/jupyter' jupyter notebook`);
  });

  test("an empty prefix, as from a variable that is not set, is refused", async () => {
    await expect(installCommand({ prefix: "" }, effects())).rejects.toThrow("--prefix is empty");
  });

  test("without Jupyter the spec is written all the same, and the doctor named", async () => {
    lines = [];
    await installCommand({ prefix: "env" }, { ...effects(), env: {} });
    expect(lines[1]).toBe("note: neither jupyter nor python3 is on PATH; npx ptlab jupyter doctor tells more");
  });

  test("an older spec is replaced, another kernel's is left alone", async () => {
    const at = join(folder, "over", "share", "jupyter", "kernels", "ptlab");
    await mkdir(at, { recursive: true });
    await writeFile(join(at, "kernel.json"), '{"argv": ["node", "/old/src/jupyter/launch.ts"]}');
    await installCommand({ prefix: "over" }, effects());
    expect(await readFile(join(at, "kernel.json"), "utf8")).not.toContain("/old/");
    await writeFile(join(at, "kernel.json"), '{"argv": ["python3"]}');
    await expect(installCommand({ prefix: "over" }, effects())).rejects.toThrow("holds another kernel");
    await expect(uninstallCommand({ prefix: "over" }, effects())).rejects.toThrow("holds another kernel");
  });

  test("a file in place of a folder is told in one line", async () => {
    await writeFile(join(folder, "file"), "");
    const line = /^cannot write .*: not a directory \(ENOTDIR\); --user and --prefix DIR name others$/;
    await expect(installCommand({ prefix: "file" }, effects())).rejects.toThrow(line);
    await mkdir(join(folder, "part", "share"), { recursive: true });
    await writeFile(join(folder, "part", "share", "jupyter"), "");
    await expect(installCommand({ prefix: "part" }, effects())).rejects.toThrow("not a directory (ENOTDIR)");
  });

  // Node's own recursive mkdir never returns for this one.
  test("a folder in /proc is told in one line", async () => {
    const line = "cannot write /proc/x/share/jupyter/kernels/ptlab: no such file or directory (ENOENT)";
    await expect(installCommand({ prefix: "/proc/x" }, effects())).rejects.toThrow(line);
  });

  test("what cannot be finished leaves no folder behind", async () => {
    const kernels = join(folder, "half", "share", "jupyter", "kernels");
    await mkdir(kernels, { recursive: true });
    const longest = "x".repeat(255 - "kernels".length);
    await expect(installCommand({ prefix: join("half", longest, "y".repeat(300)) }, effects())).rejects.toThrow(
      "name too long (ENAMETOOLONG)",
    );
    expect(await readdir(join(folder, "half"))).toEqual(["share"]);
  });
});
