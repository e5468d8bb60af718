import { expect, test } from "vitest";
import { counts, countsOf, E, EVENT_NAMES, EVENTS, newTally } from "../../src/base/tally.ts";

test("every event has an index of its own, and a sentence", () => {
  expect(new Set(Object.values(E)).size).toBe(EVENT_NAMES.length);
  expect(Object.values(EVENTS).every((text) => text.length > 0)).toBe(true);
});

test("counts are by name, and with an earlier copy they are the difference", () => {
  const tally = newTally();
  tally[E.faults]! += 3;
  const earlier = tally.slice();
  tally[E.faults]! += 2;
  tally[E.slotsRead]!++;
  expect(counts(tally).faults).toBe(5);
  expect(counts(tally, earlier)).toMatchObject({ faults: 2, slotsRead: 1, slotsWritten: 0 });
});

test("counts of some events are those and no others", () => {
  const tally = newTally();
  tally[E.faults] = 3;
  const earlier = tally.slice();
  tally[E.faults] = 5;
  expect(countsOf(["slotsRead", "faults"], tally, earlier)).toEqual({ slotsRead: 0, faults: 2 });
  expect(countsOf(["faults"], tally)).toEqual({ faults: 5 });
});

test("a count stays exact far above 32 bits", () => {
  const tally = newTally();
  tally[E.slotsRead] = 2 ** 53 - 2;
  tally[E.slotsRead]!++;
  expect(counts(tally).slotsRead).toBe(2 ** 53 - 1);
});
