import { describe, expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { MmIds } from "../../src/mm/mm-ids.ts";

const HEAD = 64;

/** Entries of each address space, and the owners noted from them. */
class Folio {
  readonly ids = new MmIds();
  readonly users = new Map<number, number>();

  change(mm: number, diff: number): void {
    const left = (this.users.get(mm) ?? 0) + diff;
    if (left > 0) this.users.set(mm, left);
    else this.users.delete(mm);
    if (diff > 0) this.ids.add(HEAD, mm, diff, this.total);
    else this.ids.sub(HEAD, mm, -diff, this.total);
  }

  get total(): number {
    return [...this.users.values()].reduce((sum, n) => sum + n, 0);
  }
}

describe("the owners noted of a large folio", () => {
  test("are exact while no more than two address spaces have ever mapped it", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const [rng, folio] = [random(seed), new Folio()];
      for (let i = 0; i < 40; i++) {
        const mm = 1 + rng.below(2);
        const have = folio.users.get(mm) ?? 0;
        if (have > 0 && rng.below(2)) folio.change(mm, -1 - rng.below(have));
        else folio.change(mm, 1 + rng.below(16));
        expect(folio.ids.shared(HEAD), `seed ${seed}`).toBe(folio.users.size > 1);
      }
    }
  });

  test("are forgotten when the last entry goes, whoever mapped it and in whatever order", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const [rng, folio] = [random(seed), new Folio()];
      for (let i = 0; i < 40; i++) {
        const mm = 1 + rng.below(5);
        const have = folio.users.get(mm) ?? 0;
        if (have > 0 && rng.below(2)) folio.change(mm, -1 - rng.below(have));
        else folio.change(mm, 1 + rng.below(16));
        if (folio.users.size > 1) expect(folio.ids.shared(HEAD), `seed ${seed}`).toBe(true);
      }
      for (const [mm, n] of [...folio.users]) folio.change(mm, -n);
      expect([folio.ids.shared(HEAD), folio.ids.owners(HEAD)], `seed ${seed}`).toEqual([false, []]);
    }
  });

  test("do not name a third, which stays unknown when the other two are gone, so that the folio stays noted as shared", () => {
    const folio = new Folio();
    for (const mm of [1, 2, 3]) folio.change(mm, 16);
    folio.change(2, -16);
    folio.change(1, -16);
    expect(folio.users).toEqual(new Map([[3, 16]]));
    expect([folio.ids.shared(HEAD), folio.ids.owners(HEAD)]).toEqual([true, []]);
  });

  test("name the first again as the only one when the second and the third are gone", () => {
    const folio = new Folio();
    for (const mm of [1, 2, 3]) folio.change(mm, 16);
    folio.change(3, -16);
    expect(folio.ids.shared(HEAD)).toBe(true);
    folio.change(2, -16);
    expect([folio.ids.shared(HEAD), folio.ids.owners(HEAD)]).toEqual([false, [{ mmId: 1, entries: 16 }]]);
  });

  test("of neighbouring folios do not mix", () => {
    const ids = new MmIds();
    ids.add(0, 1, 4, 4);
    ids.add(2, 2, 2, 2);
    ids.add(2 ** 13, 3, 8, 8);
    expect([0, 2, 2 ** 13].map((head) => ids.owners(head).map((o) => o.mmId))).toEqual([[1], [2], [3]]);
  });
});
