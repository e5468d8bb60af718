/**
 * A live figure in a notebook: the same controls as on its page, and a figure that is made again when one is moved.
 */

import { readFile } from "node:fs/promises";
import { kept } from "../../base/kept.ts";
import { DISPLAY, type Figure, type Host } from "../../figure/figure.ts";
import { inputContent, type LiveFigure, type LiveInputs, type LiveParams, type MadeBy } from "../../figure/live.ts";
import type { MimeBundle } from "../../notebook/format.ts";
import { PROJECT_ROOT } from "../paths.ts";
import { withHtml } from "../show/bundle-html.ts";
import { plainBundle } from "../show/present.ts";
import { withControls } from "./controls.ts";
import { type Input, inputOf } from "./inputs.ts";

/** The figure of a live figure's defaults. */
export const defaultFigure = async (live: LiveFigure): Promise<Figure> => live.make({}, await inputsOf(live, {}));

/** The bundle of a figure with the controls of what made it, set to what it was made with. */
export function liveBundle({ live, params, inputs: given }: MadeBy, first: MimeBundle, host: Host): MimeBundle {
  const inputs = Object.fromEntries(
    Object.entries(live.params).map(([name, spec]) => {
      const input = inputOf({ ...spec, default: params[name] } as typeof spec) as Input<LiveParams[string]>;
      return [name, input];
    }),
  );
  return withControls(inputs, first, async (values, progress) => {
    const made = await live.make(values, { ...(await inputsOf(live, values, given)), ...given }, { progress });
    return withHtml(plainBundle(await made[DISPLAY](host)), host.build);
  });
}

/** The files that the figure needs and that were not given, from the project's data. */
async function inputsOf(live: LiveFigure, params: LiveParams, given: LiveInputs = {}): Promise<LiveInputs> {
  const missing = live.inputsFor(params).filter((name) => given[name] === undefined);
  return Object.fromEntries(await Promise.all(missing.map(async (name) => [name, await readOnce(name)])));
}

/** By name: experiments keep what they decoded of a file by the very bytes that they were given. */
const files = new Map<string, Promise<string | Uint8Array>>();

const readOnce = (name: string): Promise<string | Uint8Array> => kept(files, name, () => readInput(name));

const readInput = async (name: string): Promise<string | Uint8Array> =>
  inputContent(name, new Uint8Array(await readFile(`${PROJECT_ROOT}/notebooks/data/${name}`)));
