/**
 * The files that cells of a page may read, as `node:fs` has them: the site's data and recordings, fetched when they are read. A
 * worker may wait for an answer, which is what reading a file is.
 */

import { UserError } from "../../../src/base/errors.ts";
import { fetchName } from "../../live/messages.ts";
import { bytesOf } from "./bytes.ts";

/** Names of what the site publishes for cells. */
export interface Published {
  readonly data: readonly string[];
  readonly recordings: readonly string[];
  /** Paths below `src/`. */
  readonly sources: readonly string[];
}

/** The folders that can be read, from the project's root, and what is published of them. */
const FOLDERS = { "notebooks/data": "data", "test/golden/oracle": "recordings" } as const;

/** Content of a file: bytes, or text where an encoding is given. */
export function readFileSync(path: string, options?: string | { encoding?: string }): string | Uint8Array {
  const [folder, name] = split(path);
  if (!published()[FOLDERS[folder]].includes(name)) throw noFile(path);
  const address = `${FOLDERS[folder]}/${fetchName(name)}`;
  const content = fetched.get(address) ?? bytesOf(fetchNow(address));
  fetched.set(address, content);
  const encoding = typeof options === "string" ? options : options?.encoding;
  return encoding === undefined ? bytesOf(content) : content.toString();
}

/** Names of the files in a folder. */
export function readdirSync(path: string): string[] {
  const folder = projectPath(path);
  if (!isFolder(folder)) throw noFile(path);
  return [...published()[FOLDERS[folder]]];
}

/** Whether a file can be read. */
export function existsSync(path: string): boolean {
  try {
    const [folder, name] = split(path);
    return published()[FOLDERS[folder]].includes(name);
  } catch {
    return false;
  }
}

type Folder = keyof typeof FOLDERS;

const isFolder = (path: string): path is Folder => Object.hasOwn(FOLDERS, path);

function split(path: string): [folder: Folder, name: string] {
  const whole = projectPath(path);
  const [folder, name] = [whole.slice(0, whole.lastIndexOf("/")), whole.slice(whole.lastIndexOf("/") + 1)];
  if (!isFolder(folder)) throw noFile(path);
  return [folder, name];
}

/** A path from the project's root; cells start in `notebooks/`. */
const projectPath = (path: string): string =>
  decodeURIComponent(new URL(path, "file:///ptlab/notebooks/").pathname)
    .replace(/^\/ptlab\//, "")
    .replace(/\/$/, "");

const noFile = (path: string): UserError =>
  new UserError(`a page has no file '${path}': data/NAME and ../test/golden/oracle/NAME of this site can be read`);

const fetched = new Map<string, Uint8Array>();

let names: Published | undefined;

/** What the site publishes; asked for once. */
export function published(): Published {
  names ??= JSON.parse(new TextDecoder().decode(fetchNow("cells/files.json"))) as Published;
  return names;
}

/** What is at an address below the site's root; waits for it. */
export function fetchNow(address: string): Uint8Array {
  const request = new XMLHttpRequest();
  request.open("GET", import.meta.env.BASE_URL + address, false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new UserError(`${address} cannot be read: ${request.status} ${request.statusText}`);
  return new Uint8Array(request.response as ArrayBuffer);
}
