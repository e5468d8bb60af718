/**
 * How live figures come by a recorded process: by the name of one of the captures that the project keeps, or as a file that the
 * reader gives.
 */
import { fileDigest } from "../../base/digest.ts";
import { UserError } from "../../base/errors.ts";
import { kept } from "../../base/kept.ts";
import type { Capture } from "../../study/capture/format.ts";
import { readCapture } from "../../study/capture/read.ts";
import type { NamedCaptures } from "../../study/coverage/policies.ts";
import type { ParamSpec, ParamSpecs, ParamsOf, RunEffects } from "../../study/experiment.ts";
import { defineLive, type LiveFigure, type LiveInputs, type LiveSpec } from "../live.ts";
import { OWN_CAPTURE } from "./own-capture.ts";

/** The captures by the name that figures show. */
export const CAPTURE_FILES: Readonly<Record<string, string>> = {
  "node, no THP": "node-json.json.gz",
  "node, mTHP 64K": "node-json-mthp64k.json.gz",
  "python, no THP": "python-sqlite.json.gz",
  "python, malloc THP": "python-sqlite-thp.json.gz",
};

/** The parameter that chooses a process. */
export const CAPTURE_PARAM = {
  kind: "choice",
  label: "process",
  options: [...Object.keys(CAPTURE_FILES), OWN_CAPTURE.choice],
  default: "python, malloc THP",
} as const;

/** What {@link defineProcess} takes. */
export interface ProcessSpec<S extends ParamSpecs> extends Pick<LiveSpec<S>, "id" | "title" | "plot"> {
  readonly params: S & { readonly capture: ParamSpec };
  run(params: ParamsOf<S>, opened: OpenedCapture, effects?: RunEffects): ReturnType<LiveSpec<S>["run"]>;
}

/** A live figure of one recorded process, which its parameter `capture` chooses: {@link CAPTURE_PARAM}. */
export function defineProcess<S extends ParamSpecs>({ run, ...spec }: ProcessSpec<S>): LiveFigure {
  return defineLive<S>({
    ...spec,
    inputs: Object.values(CAPTURE_FILES),
    needs: ({ capture }) => [inputOf(String(capture))],
    run: async (params, inputs, effects) =>
      run(params, await openedCapture(inputOf(String(params.capture)), inputs), effects),
  });
}

const inputOf = (capture: string): string => CAPTURE_FILES[capture] ?? OWN_CAPTURE.input;

/** A capture, and the digest of the file that it was read from. */
export interface OpenedCapture {
  readonly capture: Capture;
  readonly input: string;
}

/** What was read of the last files: figures with other parameters ask for the same bytes again. */
const opened = new WeakMap<Uint8Array, Promise<OpenedCapture>>();

/** A capture, read and checked. A file that is none, or that has no VMA, is a {@link UserError}. */
function openedCapture(file: string, inputs: LiveInputs): Promise<OpenedCapture> {
  const bytes = bytesOf(inputs[file]!);
  return kept(opened, bytes, () => openCapture(bytes, file));
}

async function openCapture(bytes: Uint8Array, file: string): Promise<OpenedCapture> {
  const capture = await readCapture(bytes, file);
  if (capture.vmas.length === 0) throw new UserError(`${file}: a process without VMAs: there is nothing to show`);
  return { capture, input: fileDigest(bytes) };
}

/** The captures of a set of files, read and checked. */
export async function namedCaptures(inputs: LiveInputs): Promise<NamedCaptures> {
  const read = async ([name, file]: [string, string]): Promise<[string, Capture]> => [
    name,
    await readCapture(bytesOf(inputs[file]!), file),
  ];
  return new Map(await Promise.all(Object.entries(CAPTURE_FILES).map(read)));
}

const bytesOf = (input: string | Uint8Array): Uint8Array =>
  typeof input === "string" ? new TextEncoder().encode(input) : input;
