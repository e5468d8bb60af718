/**
 * The live figure of the address-space map: four recorded processes, as they were or with their anonymous memory faulted in again
 * under a THP policy, looked at as a whole or as near as a single table.
 */
import { fileDigest } from "../../base/digest.ts";
import { readCapture } from "../../study/capture/read.ts";
import { replayCapture, THP_POLICIES } from "../../study/coverage/replay.ts";
import type { ParamsOf } from "../../study/experiment.ts";
import { captureSpace } from "../../study/map/capture-space.ts";
import { mmSpace } from "../../study/map/mm-space.ts";
import type { AddressSpace } from "../../study/map/space.ts";
import { ALL } from "../../study/map/view.ts";
import { addressMapData } from "../address-map.ts";
import { defineLive } from "../live.ts";
import { mapDrawing } from "../map-drawing.ts";
import { CAPTURE_FILES } from "./capture-input.ts";

const RECORDED = "as recorded";

const POLICIES = [RECORDED, ...THP_POLICIES.map(({ name }) => name)];
const FORMATS = ["arm64-4k", "x86-64", "riscv-sv48"];
const LOOKS = { "all VMAs": ALL, "the heap": "heap", "the stack": "stack" };

const params = {
  process: { kind: "choice", label: "process", options: Object.keys(CAPTURE_FILES), default: "node, mTHP 64K" },
  policy: { kind: "choice", label: "memory", options: POLICIES, default: RECORDED },
  arch: { kind: "choice", label: "format of the model", options: FORMATS, default: "arm64-4k" },
  at: { kind: "text", label: "look at", default: ALL, max: 40, samples: LOOKS },
} as const;

type Params = ParamsOf<typeof params>;

/** What was made of a file's very bytes, by all that decides it: who zooms asks again and again. */
const made = new WeakMap<Uint8Array, Map<string, AddressSpace>>();

async function spaceOf({ process, policy, arch }: Params, bytes: Uint8Array): Promise<AddressSpace> {
  const known = made.get(bytes) ?? new Map<string, AddressSpace>();
  made.set(bytes, known);
  const key = `${policy} ${policy === RECORDED ? "" : arch}`;
  const space = known.get(key) ?? (await makeSpace(process, policy, arch, bytes));
  known.set(key, space);
  return space;
}

async function makeSpace(process: string, policyName: string, arch: string, bytes: Uint8Array): Promise<AddressSpace> {
  const capture = await readCapture(bytes, process);
  const policy = THP_POLICIES.find(({ name }) => name === policyName);
  if (policy === undefined) return { ...captureSpace(capture), name: process };
  const mm = replayCapture(capture, policy, { shuffled: false, readFirst: 0, seed: 1 }, arch);
  const replayed = mmSpace(mm, `${process}, anonymous memory under ${policyName}`);
  // The VMAs without anonymous memory stay in their places, so that a number names the same VMA under every policy.
  const byStart = new Map(replayed.vmas.map((vma) => [vma.start, vma.runs]));
  const vmas = captureSpace(capture).vmas.map((vma) => ({ ...vma, runs: byStart.get(vma.start) ?? [] }));
  return { ...replayed, vmas };
}

/** The map of a process, redrawn for another look, policy or format. */
export const addressMapLive = defineLive({
  id: "address-space-map",
  title: "Address-space map",
  params,
  inputs: Object.values(CAPTURE_FILES),
  needs: ({ process }) => [CAPTURE_FILES[process]!],
  run: async (given, inputs) => {
    const bytes = inputs[CAPTURE_FILES[given.process]!] as Uint8Array;
    const space = await spaceOf(given, bytes);
    return addressMapData(space, given.at, {
      designs: given.policy === RECORDED ? [] : [given.arch],
      workload: given.policy === RECORDED ? "a capture" : "anonymous memory of a capture, replayed",
      params: given,
      input: fileDigest(bytes),
    });
  },
  plot: mapDrawing,
});
