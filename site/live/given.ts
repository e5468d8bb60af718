// The capture that a reader has given to this page. It goes to the page's own workers and nowhere else, and is gone with the page.
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { GivenFile } from "./messages.ts";

let given: GivenFile | undefined;
let number = 0;

/** Gives a file in place of the one before; what is returned gives it again. */
export function give(file: File): GivenFile {
  given = { number: ++number, file };
  return given;
}

/** Gives what had been given before, or with undefined takes back what there is. */
export function giveAgain(file: GivenFile | undefined): void {
  given = file;
}

/** The file for an input of that name; an error says where one can be given. Undefined for names of published files. */
export function givenFile(name: string): GivenFile | undefined {
  if (name !== OWN_CAPTURE.input) return undefined;
  if (given === undefined) throw new Error('no file is given: the page "Your own process" takes one');
  return given;
}
