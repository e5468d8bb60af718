/**
 * What cells show by themselves, replace and empty, and what they ask: the part of `ptlab/jupyter` that needs nothing but the
 * bridge to the session, whatever that is.
 */
import { randomUUID } from "node:crypto";
import { DISPLAY } from "../../figure/figure.ts";
import { type Bridge, getBridge } from "../session/bridge.ts";

/** A display whose content can be replaced. */
export interface Display {
  readonly id: string;
  update(value: unknown): Promise<void>;
}

/** A value that presents itself as exactly this mime bundle; bytes become base64. */
export function mime(bundle: Readonly<Record<string, unknown>>): object {
  return { [DISPLAY]: () => bundle };
}

/** A value that shows itself as HTML. */
export const html = (text: string): object => mime({ "text/html": text });
/** A value that shows itself as an SVG picture. */
export const svg = (text: string): object => mime({ "image/svg+xml": text });
/** A value that shows itself as Markdown. */
export const markdown = (text: string): object => mime({ "text/markdown": text });

/** Shows a value at this place of the output; the id is made up unless one is given. */
export async function display(value: unknown, id: string = randomUUID()): Promise<Display> {
  await session().display(value, { id });
  return { id, update: (next) => session().display(next, { id, update: true }) };
}

/** Empties the cell's output; with `wait`, when the next output arrives, so that nothing flickers. */
export const clearOutput = (wait = false): void => session().clear(wait);

/** Asks for a line of text and waits for it. Throws in a front end that takes no input, and when nobody looks on. */
export async function input(prompt = ""): Promise<string> {
  return session().ask({ prompt, password: false }, input);
}

/** Asks for a secret, which the front end does not show, and waits for it. Throws where {@link input} does. */
export async function password(prompt = ""): Promise<string> {
  return session().ask({ prompt, password: true }, password);
}

function session(): Bridge {
  const bridge = getBridge();
  if (bridge === undefined) throw new Error("this works in a notebook cell only");
  return bridge;
}
