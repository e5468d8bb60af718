/**
 * The s390 case against one flag for each folio, as an experiment: one guest, four ways for the host to remember which of its
 * pages are secure, and what each costs in wrong answers, conversions, splits and descriptors.
 */
import { broken, invariant } from "../../base/errors.ts";
import { Frames, MAX_ORDER } from "../../machine/frames.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { type GuestOp, guestOps } from "./secure-guest.ts";
import { SECURE_POLICIES, type SecureMemory, type SecurePolicy, securePolicy } from "./secure-policies.ts";

/** One policy and what the guest's life came to with it. */
export interface SecureRow {
  readonly policy: (typeof SECURE_POLICIES)[number];
  /** Times the host asked whether a page is secure. */
  readonly questions: number;
  /** Answers that were right. */
  readonly right: number;
  /** Open pages that were called secure. */
  readonly wronglySecure: number;
  /** Conversions that the guest's or the host's access asked for. */
  readonly conversions: number;
  /** Conversions that nobody's access asked for, and those that undo them. */
  readonly needless: number;
  readonly folioSplits: number;
  readonly failedSplits: number;
  /** Most bytes of descriptors at a time. */
  readonly descriptorBytes: number;
  /** Folios at the start, and those of them that are still whole at the end. */
  readonly folios: number;
  readonly large: number;
}

const PARAMS = {
  order: { kind: "range", label: "folio order", min: 2, max: 9, step: 1, default: 8 },
  folios: { kind: "range", label: "folios", min: 1, max: 64, step: 1, default: 16 },
  shared: { kind: "range", label: "pages ever shared", min: 1, max: 50, step: 1, default: 5, unit: "%" },
  pinned: { kind: "range", label: "extra references", min: 0, max: 100, step: 5, default: 20, unit: "%" },
  ops: { kind: "range", label: "events", min: 1000, max: 50_000, step: 1000, default: 10_000 },
  holeBytes: { kind: "range", label: "descriptor of a hole", min: 16, max: 64, step: 16, default: 16, unit: "bytes" },
  seed: { kind: "range", label: "seed", min: 1, max: 99, step: 1, default: 1 },
} as const;

/** "What does one flag for each folio cost a host whose guest shares single pages?" */
export const secureFolios: Experiment<typeof PARAMS, SecureRow> = {
  id: "secure-folios",
  question: "What does one PG_arch_1 for each folio cost on s390, where guests share single pages?",
  params: PARAMS,
  run: (params, _input, effects) => {
    const ops = guestOps(guestOf(params));
    return SECURE_POLICIES.map((name, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, SECURE_POLICIES.length);
      return live(name, params, ops);
    });
  },
};

function guestOf(params: ParamsOf<typeof PARAMS>) {
  const { ops, seed, shared, pinned } = params;
  return { pages: params.folios * 2 ** params.order, ops, seed, sharedPercent: shared, pinnedPercent: pinned };
}

function live(
  name: (typeof SECURE_POLICIES)[number],
  params: ParamsOf<typeof PARAMS>,
  ops: readonly GuestOp[],
): SecureRow {
  const memory = newMemory(params);
  const policy = securePolicy(name, memory);
  const host = new Host(memory, policy);
  for (const op of ops) host.happen(op);
  const { splits, failedSplits, descriptorBytes } = policy;
  const large = memory.folios.filter((head) => memory.frames.order(head) > 0).length;
  const folios = memory.folios.length;
  return { policy: name, ...host.counted, folioSplits: splits, failedSplits, descriptorBytes, folios, large };
}

function newMemory({ order, folios, holeBytes }: ParamsOf<typeof PARAMS>): SecureMemory {
  const pages = folios * 2 ** order;
  const frames = new Frames(Math.ceil(pages / 2 ** MAX_ORDER) * 2 ** MAX_ORDER);
  const heads = Array.from({ length: folios }, () => frames.alloc(order));
  invariant(!heads.includes(-1), "the machine is as large as its guest");
  return { frames, folios: heads, pages, holeBytes };
}

/** The truth of every page beside what the policy believes. */
class Host {
  readonly counted = { questions: 0, right: 0, wronglySecure: 0, conversions: 0, needless: 0 };
  readonly #memory: SecureMemory;
  readonly #policy: SecurePolicy;
  /** By page: 1 if the guest shares it. */
  readonly #shared: Uint8Array;
  /** By page: 1 if the host can read it. */
  readonly #open: Uint8Array;
  /** By page: 1 if it is open only because it was exported with another. */
  readonly #needlessly: Uint8Array;

  constructor(memory: SecureMemory, policy: SecurePolicy) {
    this.#memory = memory;
    this.#policy = policy;
    this.#shared = new Uint8Array(memory.pages);
    this.#open = new Uint8Array(memory.pages);
    this.#needlessly = new Uint8Array(memory.pages);
  }

  happen({ op, page, pinned }: GuestOp): void {
    if (op === "share") return this.#share(page, pinned);
    if (op === "host") return this.#use(page, pinned);
    if (op === "unshare") this.#shared[page] = 0;
    if (this.#shared[page] === 0) this.#import(page, pinned);
  }

  #share(page: number, pinned: boolean): void {
    this.#shared[page] = 1;
    this.#open[page] = 1;
    this.#needlessly[page] = 0;
    this.#policy.becameOpen(this.#pfn(page), pinned);
  }

  /** The guest uses a page of its own that the host has had exported. */
  #import(page: number, pinned: boolean): void {
    if (this.#open[page] === 0) return;
    this.counted[this.#needlessly[page] === 1 ? "needless" : "conversions"]++;
    this.#open[page] = 0;
    this.#needlessly[page] = 0;
    this.#policy.becameSecure(this.#pfn(page), pinned);
  }

  /** The host asks, has exported what it believes secure, and reads. */
  #use(page: number, pinned: boolean): void {
    const believed = this.#policy.isSecure(this.#pfn(page));
    const open = this.#open[page] === 1;
    this.counted.questions++;
    if (believed !== open) this.counted.right++;
    else if (believed) this.counted.wronglySecure++;
    else broken(`page ${page} is secure and was called open`);
    if (believed) this.#export(page, pinned);
  }

  #export(page: number, pinned: boolean): void {
    const pfn = this.#pfn(page);
    const [first, n] = this.#policy.exportedWith(pfn, pinned);
    const from = page - (pfn - first);
    for (let p = from; p < from + n; p++) {
      const asked = p === page && this.#open[p] === 0;
      this.counted[asked ? "conversions" : "needless"]++;
      if (this.#open[p] === 0 && !asked) this.#needlessly[p] = 1;
      this.#open[p] = 1;
    }
    this.#policy.exported(first, n);
  }

  /** Folios lie in the order of their pages. */
  #pfn(page: number): number {
    const { folios, pages } = this.#memory;
    const each = pages / folios.length;
    return folios[Math.floor(page / each)]! + (page % each);
  }
}
