/**
 * What the doctor says of kernelspecs: which one wins, and whether it starts this checkout's kernel.
 */
import { dirname, join } from "node:path";
import { dataDir, searchDirs } from "./data-dir.ts";
import type { DoctorEffects, Finding } from "./doctor.ts";
import { type Jupyter, type NoJupyter, type ProbedMachine, reason } from "./find-jupyter.ts";
import { type KernelSpec, launcherOf, nodeTooOld, specFolder } from "./kernelspec.ts";

const INSTALL = "npx ptlab jupyter install --user writes one";

/**
 * The findings, and the spec by which a front end would start the kernel. Where that is wrong, it is the spec that installing
 * would write: so it shows whether installing again is enough.
 */
export interface SpecsFound {
  readonly findings: readonly Finding[];
  readonly spec: KernelSpec;
  readonly folder: string;
}

interface Found {
  readonly folder: string;
  readonly text: string;
}

const finding = (status: Finding["status"], text: string, remedy?: string): Finding => ({
  ...{ status, about: "kernelspec", text },
  ...(remedy === undefined ? {} : { remedy }),
});

/** Looks at every kernelspec of that name in the folders where Jupyter looks; the first one wins. */
export async function checkSpecs(jupyter: Jupyter | NoJupyter, effects: DoctorEffects): Promise<SpecsFound> {
  const dirs = "failure" in jupyter ? searchDirs(effects) : jupyter.dataDirs;
  const [winner, ...hidden] = await specsIn(dirs, effects);
  const fallback = { spec: effects.wanted, folder: specFolder(dirs[0]!) };
  if (winner === undefined) return { findings: [await missing(dirs, effects)], ...fallback };
  const spec = parseSpec(winner.text);
  const wrong = spec === undefined ? "is no kernelspec" : await problem(winner, spec, effects);
  if (spec === undefined || wrong !== undefined) {
    const findings = [finding("wrong", `${winner.folder} ${wrong}`, remedyFor(winner, hidden, effects))];
    return { findings, ...fallback };
  }
  const findings = [
    finding("ok", winner.folder),
    ...differences(spec, effects.wanted),
    ...hidden.map(isHidden(winner)),
  ];
  return { findings, spec, folder: winner.folder };
}

async function specsIn(dirs: readonly string[], { read }: ProbedMachine): Promise<Found[]> {
  const found = dirs.map(async (dir) => {
    const folder = specFolder(dir);
    const text = await read(join(folder, "kernel.json"));
    return text === undefined ? [] : [{ folder, text }];
  });
  return (await Promise.all(found)).flat();
}

/** No spec where Jupyter looks; perhaps there is one where it does not. */
async function missing(dirs: readonly string[], effects: DoctorEffects): Promise<Finding> {
  const places = [dataDir({ user: true }, effects), dataDir({}, effects), ...searchDirs(effects)];
  const [elsewhere] = await specsIn(
    [...new Set(places)].filter((place) => !dirs.includes(place)),
    effects,
  );
  if (elsewhere === undefined) return finding("wrong", `none of that name in ${dirs.join(", ")}`, INSTALL);
  const text = `${elsewhere.folder} is where this Jupyter does not look`;
  return finding(
    "wrong",
    text,
    `set JUPYTER_PATH=${dirname(dirname(elsewhere.folder))}, or install it into ${dirs[0]}`,
  );
}

function parseSpec(text: string): KernelSpec | undefined {
  try {
    const spec = JSON.parse(text);
    const isSpec = Array.isArray(spec?.argv) && spec.argv.length > 0;
    return isSpec ? { ...spec, argv: spec.argv.map(String) } : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with a spec, in words that follow its folder. */
async function problem({ text }: Found, spec: KernelSpec, effects: DoctorEffects): Promise<string | undefined> {
  const launcher = launcherOf(text);
  if (launcher === undefined) return "is the spec of another kernel";
  if ((await effects.read(launcher)) === undefined) return `starts ${launcher}, which is not there`;
  if (launcher !== launcherOf(JSON.stringify(effects.wanted.argv)))
    return `starts another checkout, ${launcher.replace(/\/src\/jupyter\/launch\.ts$/, "")}`;
  const node = await nodeProblem(spec.argv[0]!, effects);
  return node === undefined ? undefined : `starts a wrong Node: ${node}`;
}

/** What is wrong with a Node; nothing if it can run the kernel. */
export async function nodeProblem(node: string, machine: ProbedMachine): Promise<string | undefined> {
  if (!(await machine.isProgram(node))) return `${node} is no program`;
  const ran = await machine.run(node, ["--version"]);
  const version = /^v(\d+\.\d+\.\d+)/.exec(ran.out)?.[1];
  if (version === undefined) return `${node} does not run on this machine (${reason(ran)})`;
  const tooOld = nodeTooOld(version);
  return tooOld === undefined ? undefined : `${node} is version ${version}, ${tooOld}`;
}

/** Where a hidden spec is right, taking the winner away is enough; otherwise a new one is needed that wins. */
function remedyFor(winner: Found, hidden: readonly Found[], effects: DoctorEffects): string {
  const own = launcherOf(JSON.stringify(effects.wanted.argv));
  const right = hidden.find(({ text }) => launcherOf(text) === own);
  if (right !== undefined) return `remove it, because it hides ${right.folder}`;
  const prefix = /^(.*)\/share\/jupyter\/kernels\//.exec(winner.folder)?.[1];
  const place = winner.folder === specFolder(dataDir({ user: true }, effects)) ? "--user" : `--prefix ${prefix}`;
  const isForeign = launcherOf(winner.text) === undefined;
  if (isForeign || prefix === undefined) return `remove it, then ${INSTALL}`;
  return `npx ptlab jupyter install ${place} replaces it`;
}

/** What somebody has changed, or an older version has written otherwise. */
function differences(spec: KernelSpec, wanted: KernelSpec): Finding[] {
  const keys = (Object.keys(wanted) as (keyof KernelSpec)[]).filter(
    (key) => JSON.stringify(spec[key]) !== JSON.stringify(wanted[key]),
  );
  if (keys.length === 0) return [];
  return [finding("note", `not as installing would write it: ${keys.join(", ")}`)];
}

const isHidden =
  (winner: Found) =>
  ({ folder }: Found): Finding =>
    finding("note", `${folder} is never used, because ${winner.folder} comes first`);
