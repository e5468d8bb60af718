/**
 * The Python script that records without Node, held against `ptlab capture`: a process that stands still gives the same file
 * both ways, byte for byte. Needs Linux, root and python3.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { captureCommand } from "../../src/cli/capture.ts";
import { readCapture } from "../../src/study/capture/read.ts";

const SCRIPT = fileURLToPath(new URL("../../site/public/ptlab-capture.py", import.meta.url));

const missing = [
  process.platform === "linux" ? "" : "not Linux",
  process.getuid?.() === 0 ? "" : "not root",
  spawnSync("python3", ["--version"]).status === 0 ? "" : "no python3",
  existsSync("/proc/kpageflags") ? "" : "no /proc/kpageflags",
].filter((reason) => reason !== "");
const why = missing.map((reason) => ` (${reason})`).join("");

/** Processes that have a bit of everything; each says "ready" and waits. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "python with anonymous, huge, file, shared and zero pages, and a child": [
    "python3",
    "-c",
    `
import mmap, os, signal, tempfile
page = mmap.PAGESIZE
plain = mmap.mmap(-1, 300 * page, flags=mmap.MAP_PRIVATE)
for i in range(0, 300, 3): plain[i * page] = 1
huge = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE)
if hasattr(huge, "madvise"):
    huge.madvise(mmap.MADV_HUGEPAGE)
for i in range(0, 6 << 20, page): huge[i] = 1
shared = mmap.mmap(-1, 64 * page)
shared[:32 * page] = b"x" * (32 * page)
zeros = mmap.mmap(-1, 64 * page, flags=mmap.MAP_PRIVATE)
sum(zeros[i * page] for i in range(0, 64, 5))
file = tempfile.TemporaryFile()
file.write(b"y" * (700 * page)); file.flush()
mapped = mmap.mmap(file.fileno(), 700 * page, flags=mmap.MAP_PRIVATE)
sum(mapped[i * page] for i in range(0, 700, 7))
mapped[3 * page] = 1
child = os.fork()
if child == 0:
    signal.pause()
plain[0] = 2
print("ready", flush=True)
os.read(0, 1)
`,
  ],
  "node with a heap and threads": [
    process.execPath,
    "-e",
    `globalThis.kept = Array.from({ length: 2e5 }, (_, i) => ({ i }));
     globalThis.more = new Uint8Array(5e6).fill(1);
     console.log("ready"); process.stdin.resume();`,
  ],
  "a small program": ["sh", "-c", "echo ready; read line"],
};

describe.skipIf(missing.length > 0)(`ptlab-capture.py beside ptlab capture${why}`, () => {
  let folder: string;
  let running: ChildProcess | undefined;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ptlab-script-"));
  });
  afterEach(() => {
    // The whole group, for one of the programs forks.
    if (running?.pid) process.kill(-running.pid, "SIGKILL");
    running = undefined;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const script = (...words: string[]) => spawnSync("python3", [SCRIPT, ...words], { encoding: "utf8" });
  const ptlab = async (pid: number, output: string, name?: string) => {
    let said = "";
    const err = (text: string) => {
      said += text;
    };
    await captureCommand({ pid: String(pid), output, name, force: true }, { out: err, err, terminal: false });
    return said;
  };

  /** A process that says it is ready and is then stopped, so that nothing of it moves. */
  async function stopped([command, ...words]: readonly string[]): Promise<number> {
    running = spawn(command!, words, { stdio: ["pipe", "pipe", "inherit"], detached: true });
    await once(running.stdout!, "data");
    running.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 200));
    return running.pid!;
  }

  test.each(Object.entries(PROGRAMS))("writes the same bytes for %s", async (_what, program) => {
    const pid = await stopped(program);
    const [mine, theirs] = [join(folder, "script.json"), join(folder, "ptlab.json")];
    const ran = script(String(pid), "-o", mine, "--force", "--name", 'a "label" with ünïcode \\ and 𝄞');
    const said = await ptlab(pid, theirs, 'a "label" with ünïcode \\ and 𝄞');
    expect(ran.status).toBe(0);
    expect(readFileSync(mine, "utf8") === readFileSync(theirs, "utf8")).toBe(true);
    expect(ran.stderr).toBe(said.replace(theirs, mine));
    expect((await readCapture(readFileSync(mine), mine)).vmas.length).toBeGreaterThan(5);
  });

  test("packs the file where its name ends in .gz, the same bytes each time", async () => {
    const pid = await stopped(PROGRAMS["a small program"]!);
    const [once_, again, plain] = ["a.json.gz", "b.json.gz", "c.json"].map((name) => join(folder, name));
    for (const file of [once_!, again!, plain!]) expect(script(String(pid), "-o", file).status).toBe(0);
    expect(readFileSync(once_!).equals(readFileSync(again!))).toBe(true);
    expect(gunzipSync(readFileSync(once_!)).equals(readFileSync(plain!))).toBe(true);
  });

  test("answers a mistake with one line and status 2, and leaves nothing behind", () => {
    const there = join(folder, "there.json");
    writeFileSync(there, "old");
    const before = readdirSync(folder).sort();
    const cases: readonly (readonly [words: readonly string[], said: string])[] = [
      [["0", "-o", join(folder, "x")], "bad process id '0': a number from 1 to 4194304 is allowed"],
      [["12x", "-o", join(folder, "x")], "bad process id '12x': a number from 1 to 4194304 is allowed"],
      [["4194304", "-o", join(folder, "x")], "there is no process 4194304"],
      [["2", "-o", join(folder, "x")], "process 2 has no memory of its own: it is a kernel thread, or has ended"],
      [["1", "-o", there], `${there} exists: give --force to replace it`],
      [["1", "-o", folder, "--force"], `cannot write ${folder}: it is a folder`],
      [["1", "-o", `${folder}/none/x`], `cannot write ${folder}/none/x: there is no folder ${folder}/none`],
      [["1", "-o", `${there}/x`], `cannot write ${there}/x: ${there} is not a folder`],
      [
        ["1", "-o", join(folder, "x"), "--name", "two\nlines"],
        "bad --name: at most 80 characters on one line are allowed",
      ],
      [["1"], "the following arguments are required: -o/--output"],
    ];
    for (const [words, said] of cases) {
      if (words[0] === "2" && hasMemory(2)) continue;
      const { status, stderr, stdout } = script(...words);
      expect({ status, stderr, stdout }).toEqual({ status: 2, stderr: `ptlab-capture: ${said}\n`, stdout: "" });
    }
    expect(readdirSync(folder).sort()).toEqual(before);
    expect(readFileSync(there, "utf8")).toBe("old");
  });

  test("says that it needs root where it is not", () => {
    // Everything is imported before root is given up: Python itself may lie in root's own folder.
    const nobody = `import gettext, locale, os, sys
sys.argv = sys.argv[1:]; script = {"__name__": "script"}
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), script)
os.setgid(65534); os.setuid(65534)
sys.exit(script["main"]())`;
    for (const pid of ["1", String(process.pid)]) {
      const { status, stderr } = spawnSync("python3", ["-c", nobody, SCRIPT, pid, "-o", "/tmp/ptlab-never.json"], {
        encoding: "utf8",
      });
      expect(stderr).toMatch(
        /^ptlab-capture: recording a process needs root: page frame numbers .* closed to others\n$/,
      );
      expect(status).toBe(2);
    }
  });
});

test.skipIf(spawnSync("python3", ["--version"]).status !== 0)("the script is in the language of Python 3.6", () => {
  const parse = "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 6))";
  const { status, stderr } = spawnSync("python3", ["-W", "error", "-c", parse], {
    encoding: "utf8",
    input: readFileSync(SCRIPT),
  });
  expect([status, stderr]).toEqual([0, ""]);
});

test.runIf(missing.length > 0 && process.env.PTLAB_REQUIRE_ALL)("what the script's test needs is there", () => {
  expect(missing).toEqual([]);
});

/** In a container process 2 may be an ordinary one, which is no mistake to record. */
function hasMemory(pid: number): boolean {
  return existsSync(`/proc/${pid}/status`) && /^VmPTE:/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}
