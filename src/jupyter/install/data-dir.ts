/**
 * Where Jupyter looks for kernels, by the rules that its documentation gives; Python need not be there.
 * Source: jupyter_core, "Common Directories and File Locations".
 */
import { delimiter, join } from "node:path";
import { UserError } from "../../base/errors.ts";

/** Where a kernel is to be registered; at most one of them. */
export interface Place {
  /** For this user. */
  readonly user?: boolean;
  /** For one installation: below `DIR/share/jupyter`. */
  readonly prefix?: string;
  /** For the active conda or virtual environment. */
  readonly sysPrefix?: boolean;
}

/** What the rules depend on. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly home: string;
  readonly isRoot: boolean;
}

/** The data folder for a place; without one, that of the user, or for root that of the machine. */
export function dataDir(place: Place, machine: Machine): string {
  const given = [place.user && "--user", place.prefix !== undefined && "--prefix", place.sysPrefix && "--sys-prefix"];
  const names = given.filter(Boolean);
  if (names.length > 1) throw new UserError(`${names.join(" and ")} are given: at most one is allowed`);
  if (place.prefix !== undefined) return shareOf(place.prefix);
  if (place.sysPrefix) return shareOf(environment(machine));
  return place.user || !machine.isRoot ? userDir(machine) : shareOf("/usr/local");
}

const shareOf = (prefix: string): string => join(prefix, "share", "jupyter");

const environmentOf = ({ env }: Machine): string | undefined => env.VIRTUAL_ENV || env.CONDA_PREFIX || undefined;

function environment(machine: Machine): string {
  const prefix = environmentOf(machine);
  if (prefix !== undefined) return prefix;
  throw new UserError("--sys-prefix needs an active environment: neither VIRTUAL_ENV nor CONDA_PREFIX is set");
}

/** The data folders in which a Jupyter without settings of its own looks, the first one first. */
export function searchDirs(machine: Machine): string[] {
  const given = (machine.env.JUPYTER_PATH ?? "").split(delimiter).filter(Boolean);
  const active = environmentOf(machine);
  const installed = [active ?? [], "/usr/local", "/usr"].flat().map(shareOf);
  return [...new Set([...given, userDir(machine), ...installed])];
}

function userDir({ env, platform, home }: Machine): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  if (platform === "darwin") return join(home, "Library", "Jupyter");
  if (platform === "win32") return join(env.APPDATA ?? home, "jupyter");
  return join(env.XDG_DATA_HOME || join(home, ".local", "share"), "jupyter");
}
