import { expect, test } from "vitest";
import { type OutputEvent, outputLog } from "../../src/notebook/outputs.ts";
import { shows, stream } from "./builders.ts";

const texts = (...events: OutputEvent[]): unknown[] => {
  const log = outputLog();
  for (const event of events) log.apply(0, event);
  return log.of(0).map((o) => (o.output_type === "stream" ? o.text : "data" in o ? o.data["text/plain"] : o.ename));
};

const update = (displayId: string, text: string): OutputEvent => ({
  type: "update",
  displayId,
  data: { "text/plain": text },
  metadata: {},
});

test("neighbouring pieces of one stream are one output", () => {
  expect(texts(stream("a"), stream("b"), stream("c", "stderr"), stream("d"))).toEqual(["ab", "c", "d"]);
});

test("a display between two pieces of a stream keeps them apart", () => {
  expect(texts(stream("a"), shows("x"), stream("b"))).toEqual(["a", "x", "b"]);
});

test("clearing takes effect at once", () => {
  expect(texts(stream("a"), { type: "clear", wait: false })).toEqual([]);
});

test("clearing with wait keeps the old output until the next one comes", () => {
  const wait: OutputEvent = { type: "clear", wait: true };
  expect(texts(stream("a"), wait)).toEqual(["a"]);
  expect(texts(stream("a"), wait, stream("b"), stream("c"))).toEqual(["bc"]);
});

test("an update replaces every display of that id, in earlier cells too, and nothing else", () => {
  const log = outputLog();
  log.apply(0, shows("old", "p"));
  log.apply(0, shows("other", "q"));
  log.apply(1, shows("old", "p"));
  log.apply(2, update("p", "new"));
  const of = (cell: number) => log.of(cell).map((o) => "data" in o && o.data["text/plain"]);
  expect([of(0), of(1), of(2)]).toEqual([["new", "other"], ["new"], []]);
});

test("an update of a display that was cleared shows nothing", () => {
  expect(texts(shows("a", "p"), { type: "clear", wait: false }, update("p", "b"))).toEqual([]);
});
