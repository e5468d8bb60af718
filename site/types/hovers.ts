/**
 * The types of the names in a notebook's code, as a page fetches them when a reader first points at code.
 */
import { type Checker, createChecker } from "../../src/jupyter/cells/checker.ts";
import { withoutExports } from "../../src/jupyter/cells/exports.ts";
import type { Hover } from "../../src/jupyter/cells/hovers.ts";
import { onDisk } from "../../src/jupyter/cells/on-disk.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { readNotebook } from "../../src/notebook/file.ts";
import { hasCode } from "../../src/notebook/format.ts";
import { apiSources } from "../api/load.ts";
import { symbolAddress } from "../api/symbols.ts";

/** What a name says: its type, the first sentence of its documentation or nothing, and where it is told below the site's base. */
export type HoverText = readonly [type: string, says: string, address?: string];

/** The names of one block of code: how many lines it has, then line, column, length and text of each name. */
export type HoverBlock = readonly [lines: number, ...places: number[]];

/** All that a page's script needs; each text is there once. */
export interface HoverList {
  readonly texts: readonly HoverText[];
  /** In the order of the page's blocks of code. */
  readonly blocks: readonly HoverBlock[];
}

const FOLDER = `${PROJECT_ROOT}/notebooks`;

let checker: Checker | undefined;
let told: Promise<ReadonlyMap<string, string>> | undefined;

/** The types in a notebook of the project. The first one takes a second, for the type check of all of them. */
export async function notebookHovers(file: string): Promise<HoverList> {
  checker ??= createChecker(onDisk(FOLDER));
  told ??= toldAddresses();
  const { cells } = await readNotebook(`${FOLDER}/${file}`);
  const codes = cells.filter(hasCode).map(({ source }) => source);
  return hoverList(checker, codes, await told);
}

/** Where names are told in the API reference, by `FILE#NAME`. */
async function toldAddresses(): Promise<ReadonlyMap<string, string>> {
  const symbols = (await apiSources()).files.flatMap((one) => one.symbols);
  return new Map(symbols.map(({ file, name }) => [`${file}#${name}`, `api/${symbolAddress(file, name)}`]));
}

/** The types in cells that follow one another; those of earlier calls are forgotten. */
function hoverList(cells: Checker, codes: readonly string[], told: ReadonlyMap<string, string>): HoverList {
  const texts = new Map<string, number>();
  const numberOf = ({ type, says, declared }: Hover): number => {
    const address = declared && told.get(`${declared.file.slice(PROJECT_ROOT.length + 1)}#${declared.name}`);
    const text = JSON.stringify(address === undefined ? [type, says] : [type, says, address]);
    const number = texts.get(text) ?? texts.size;
    texts.set(text, number);
    return number;
  };
  cells.forget();
  const blocks = codes.map((code): HoverBlock => {
    const checked = cells.check(withoutExports(code));
    checked.keep();
    const places = checked.hovers().flatMap((hover) => [hover.line, hover.column, hover.length, numberOf(hover)]);
    return [code.split("\n").length, ...places];
  });
  return { texts: [...texts.keys()].map((text) => JSON.parse(text)), blocks };
}
