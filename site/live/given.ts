// The files that a reader has given to this page, by the names under which figures know them. They go to the page's own workers and
// nowhere else, and are gone with the page.
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { GivenFile } from "./messages.ts";

const given = new Map<string, GivenFile>();
let number = 0;

/** Gives a file in place of the one before; what is returned gives it again. */
export function give(name: string, file: File): GivenFile {
  const numbered = { number: ++number, file };
  giveAgain(name, numbered);
  return numbered;
}

/** Gives what had been given before, or with undefined takes back what there is. */
export function giveAgain(name: string, file: GivenFile | undefined): void {
  if (file === undefined) given.delete(name);
  else given.set(name, file);
}

/** The file given under a name; an error says where one can be given. Undefined for names of published files. */
export function givenFile(name: string): GivenFile | undefined {
  if (name === OWN_CAPTURE.input && !given.has(name))
    throw new Error('no file is given: the page "Your own process" takes one');
  return given.get(name);
}
