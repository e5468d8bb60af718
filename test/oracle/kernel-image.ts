/**
 * Fetching a Debian kernel image for a guest, without installing it and without touching the system's own set-up of apt.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../src/base/errors.ts";

const run = promisify(execFile);

/** Suites that between them hold the kernels of several years; those that a mirror lacks are left out. */
const SUITES = ["bookworm-backports", "trixie", "trixie-backports", "forky"];

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The newest image of that version and flavour (`cloud-arm64`, `arm64-16k`, `cloud-amd64`, ...); gives its path. */
export async function fetchKernel(arch: string, version: string, flavour: string, folder: string): Promise<string> {
  const apt = await prepareApt(path.resolve(folder), arch);
  const { stdout } = await run("apt-cache", ["pkgnames", `linux-image-${version}`], apt);
  const names = stdout.split("\n").filter((name) => name.endsWith(`-${flavour}`) && /deb\d+-/.test(name));
  const image = names.sort(byVersion).at(-1);
  if (image === undefined) throw new UserError(`no kernel ${version} of flavour ${flavour} for ${arch}`);
  // From 7.1 on, linux-image-* asks for linux-binary-*, which has the image itself.
  const binary = image.replace("linux-image-", "linux-binary-");
  const known = (await run("apt-cache", ["pkgnames", binary], apt)).stdout.split("\n");
  return unpack(known.includes(binary) ? binary : image, folder, apt);
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

async function prepareApt(folder: string, arch: string): Promise<{ env: NodeJS.ProcessEnv; cwd: string }> {
  const state = path.join(folder, "apt");
  for (const name of ["lists/partial", "cache/archives/partial"])
    await mkdir(path.join(state, name), { recursive: true });
  const mirror = await debianMirror();
  const sources = SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`).join("");
  await writeFile(path.join(state, "sources.list"), sources);
  const settings = [
    `APT::Architectures {"${arch}";};`,
    `APT::Architecture "${arch}";`,
    `Dir::State::lists "${state}/lists";`,
    `Dir::Cache "${state}/cache";`,
    `Dir::Etc::sourcelist "${state}/sources.list";`,
    'Dir::Etc::sourceparts "/nonexistent";',
    'Acquire::Languages "none";',
    'APT::Sandbox::User "root";',
  ];
  await writeFile(path.join(state, "apt.conf"), `${settings.join("\n")}\n`);
  const apt = { env: { ...process.env, APT_CONFIG: path.join(state, "apt.conf") }, cwd: folder };
  await run("apt-get", ["update"], { ...apt, maxBuffer: 2 ** 26 });
  return apt;
}

/** The mirror that this machine uses. */
async function debianMirror(): Promise<string> {
  const folder = "/etc/apt/sources.list.d";
  const names = existsSync(folder) ? (await readdir(folder)).map((name) => path.join(folder, name)) : [];
  for (const file of [...names, "/etc/apt/sources.list"]) {
    const text = await readFile(file, "utf8").catch(() => "");
    const found = /^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+\/debian\/?)(?:\s|$)/m.exec(text);
    if (found) return found[1]!;
  }
  throw new UserError("this machine has no Debian mirror in its apt sources");
}

async function unpack(name: string, folder: string, apt: { env: NodeJS.ProcessEnv; cwd: string }): Promise<string> {
  await run("apt-get", ["download", name], apt);
  const file = (await readdir(folder)).find((f) => f.startsWith(`${name}_`) && f.endsWith(".deb"))!;
  const to = path.join(folder, name);
  await run("dpkg-deb", ["-x", path.join(folder, file), to]);
  const inside = await readdir(to, { recursive: true });
  const image = inside.find((f) => path.basename(f).startsWith("vmlinuz"));
  if (image === undefined) throw new UserError(`${name} has no kernel image`);
  return path.join(to, image);
}
