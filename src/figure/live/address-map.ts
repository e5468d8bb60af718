/**
 * The live figure of the address-space map: a recorded process, as it was or with its anonymous memory faulted in again
 * under a THP policy, looked at as a whole or as near as a single table.
 */
import { kept } from "../../base/kept.ts";
import type { Capture } from "../../study/capture/format.ts";
import { replayCapture, THP_POLICIES } from "../../study/coverage/replay.ts";
import type { ParamsOf } from "../../study/experiment.ts";
import { captureSpace } from "../../study/map/capture-space.ts";
import { mmSpace } from "../../study/map/mm-space.ts";
import type { AddressSpace } from "../../study/map/space.ts";
import { ALL } from "../../study/map/view.ts";
import { checkReplayable } from "../../study/process/size.ts";
import { addressMapData } from "../address-map.ts";
import { mapDrawing } from "../map-drawing.ts";
import { CAPTURE_PARAM, defineProcess } from "./capture-input.ts";

const RECORDED = "as recorded";

const POLICIES = [RECORDED, ...THP_POLICIES.map(({ name }) => name)];
const FORMATS = ["arm64-4k", "x86-64", "riscv-sv48"];
const LOOKS = { "all VMAs": ALL, "the heap": "heap", "the stack": "stack" };

const params = {
  capture: { ...CAPTURE_PARAM, default: "node, mTHP 64K" },
  policy: { kind: "choice", label: "memory", options: POLICIES, default: RECORDED },
  arch: { kind: "choice", label: "format of the model", options: FORMATS, default: "arm64-4k" },
  at: { kind: "text", label: "look at", default: ALL, max: 40, samples: LOOKS },
} as const;

type Params = ParamsOf<typeof params>;

/** What was made of a capture, by all that decides it: who zooms asks again and again. */
const made = new WeakMap<Capture, Map<string, AddressSpace>>();

function spaceOf(params: Params, capture: Capture): AddressSpace {
  const spaces = kept(made, capture, () => new Map<string, AddressSpace>());
  const key = params.policy === RECORDED ? RECORDED : `${params.policy} ${params.arch}`;
  return kept(spaces, key, () => makeSpace(params, capture));
}

function makeSpace({ policy: policyName, arch }: Params, capture: Capture): AddressSpace {
  const policy = THP_POLICIES.find(({ name }) => name === policyName);
  const recorded = captureSpace(capture);
  if (policy === undefined) return recorded;
  checkReplayable(capture);
  const mm = replayCapture(capture, policy, { shuffled: false, readFirst: 0, seed: 1 }, arch);
  const replayed = mmSpace(mm, `${recorded.name}, anonymous memory under ${policyName}`);
  // The VMAs without anonymous memory stay in their places, so that a number names the same VMA under every policy.
  const byStart = new Map(replayed.vmas.map((vma) => [vma.start, vma.runs]));
  const vmas = recorded.vmas.map((vma) => ({ ...vma, runs: byStart.get(vma.start) ?? [] }));
  return { ...replayed, vmas };
}

/** The map of a process, redrawn for another look, policy or format. */
export const addressMapLive = defineProcess({
  id: "address-space-map",
  title: "Address-space map",
  params,
  run: (given, { capture, input }) =>
    addressMapData(spaceOf(given, capture), given.at, {
      designs: given.policy === RECORDED ? [] : [given.arch],
      workload: given.policy === RECORDED ? "a capture" : "anonymous memory of a capture, replayed",
      params: given,
      input,
    }),
  plot: mapDrawing,
});
