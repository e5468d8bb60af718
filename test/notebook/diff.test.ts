import { describe, expect, test } from "vitest";
import { random as seeded } from "../../src/base/random.ts";
import { hunks, type Pair, pairs } from "../../src/notebook/diff.ts";

const row = ({ old, now, same }: Pair<string>) => `${old ?? "."}${same ? "=" : "/"}${now ?? "."}`;
const rows = (old: string, now: string) =>
  pairs([...old], [...now])
    .map(row)
    .join(" ");

/** The length of the longest common subsequence, by its definition. */
function longest(old: string, now: string): number {
  if (old === "" || now === "") return 0;
  if (old[0] === now[0]) return 1 + longest(old.slice(1), now.slice(1));
  return Math.max(longest(old.slice(1), now), longest(old, now.slice(1)));
}

describe("two lists beside each other", () => {
  test.each([
    ["", "", ""],
    ["a", "a", "a=a"],
    ["a", "b", "a/b"],
    ["", "a", "./a"],
    ["a", "", "a/."],
    ["abc", "ac", "a=a b/. c=c"],
    ["ac", "abc", "a=a ./b c=c"],
    ["axc", "ayc", "a=a x/y c=c"],
    ["aa", "a", "a=a a/."],
    ["abxc", "aybc", "a=a ./y b=b x/. c=c"],
  ])("%j and %j are %j", (old, now, expected) => {
    expect(rows(old, now)).toBe(expected);
  });

  test("lose no item, keep both orders, and have as many equal rows as there can be", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seeded(seed);
      const word = () => Array.from({ length: random.below(8) }, () => "abc"[random.below(3)]).join("");
      const [old, now] = [word(), word()];
      const found = pairs([...old], [...now]);
      const facts = {
        old: found.map((r) => r.old ?? "").join(""),
        now: found.map((r) => r.now ?? "").join(""),
        same: found.filter((r) => r.same).length,
      };
      expect(facts, `seed ${seed}`).toEqual({ old, now, same: longest(old, now) });
    }
  });

  test("are paired by place where a search would take too long", () => {
    const many = (start: number) => Array.from({ length: 3000 }, (_, i) => start + i);
    const found = pairs(["a", ...many(0), "z"], ["a", ...many(5000), "z"]);
    expect([found.length, found.filter((r) => r.same).length]).toEqual([3002, 2]);
  });
});

test("what is far from every change is left out, and a gap is marked once", () => {
  const found = pairs([..."abcdefghij"], [..."abcdXfghij"]);
  expect(
    hunks(found, 1)
      .map((r) => (r === undefined ? "..." : row(r)))
      .join(" "),
  ).toBe("... d=d e/X f=f ...");
});
