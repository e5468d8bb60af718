/**
 * Merging pages into runs exactly as the recorder of real kernels does: pages of one folio that follow each other, order-0
 * neighbours of one kind, whole folios of one order.
 */

/** Pages of one class. `index` is the first page's place in its folio. */
export interface Run {
  readonly page: number;
  n: number;
  readonly cls: string;
  readonly order: number;
  readonly index: number;
  readonly maps: number;
  readonly flags: string;
  readonly pfn: number;
}

/** Collects runs. Two are in the making: one that grows, and one held back in case whole folios can be joined. */
export class RunMerger {
  readonly #out: Run[] = [];
  #held: Run | null = null;
  #growing: Run | null = null;

  add(run: Run): void {
    const cur = this.#growing;
    if (cur !== null && continues(cur, run)) {
      cur.n += run.n;
      return;
    }
    this.#settle();
    this.#growing = { ...run };
  }

  finish(): Run[] {
    this.#settle();
    if (this.#held) this.#out.push(this.#held);
    this.#held = null;
    return this.#out;
  }

  #settle(): void {
    const [held, cur] = [this.#held, this.#growing];
    this.#growing = null;
    if (cur === null) return;
    if (held !== null && alike(held, cur) && whole(held) && whole(cur)) {
      held.n += cur.n;
      return;
    }
    if (held !== null) this.#out.push(held);
    this.#held = cur;
  }
}

function alike(a: Run, b: Run): boolean {
  const same = a.cls === b.cls && a.order === b.order && a.maps === b.maps && a.flags === b.flags;
  return same && a.page + a.n === b.page;
}

function continues(cur: Run, next: Run): boolean {
  if (!alike(cur, next)) return false;
  const present = cur.cls === "P" || cur.cls === "H";
  if (!present || cur.order === 0) return true;
  const follows = cur.index + cur.n === next.index && cur.pfn + cur.n === next.pfn;
  return follows && cur.n < 2 ** cur.order;
}

function whole(run: Run): boolean {
  return run.order > 0 && run.index === 0 && run.n % 2 ** run.order === 0;
}
