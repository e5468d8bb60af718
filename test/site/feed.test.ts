/** The feed: which pages are in it, in which order, and where its links lead. */
import { expect, test } from "vitest";
import { feedItems } from "../../site/feed.ts";

type Page = Parameters<typeof feedItems>[0][number];

const page = (id: string, data: object, headings: readonly object[] = []): Page =>
  ({ id, data, rendered: { html: "", metadata: { headings } } }) as unknown as Page;

const story = (id: string, day: string) => page(id, { title: id, description: "What.", published: new Date(day) });

test("stories with a day and dated decisions are in the feed, the newest first", () => {
  const decisions = page("decisions", { title: "Decisions" }, [
    { text: "2026-03-02: Bits are data", slug: "2026-03-02-bits-are-data" },
    { text: "How to read this", slug: "how-to-read-this" },
  ]);
  const items = feedItems([story("notebooks/a", "2026-03-01"), decisions, story("notebooks/b", "2026-03-03")]);
  expect(items.map(({ title, path }) => [title, path])).toEqual([
    ["notebooks/b", "notebooks/b/"],
    ["Decision: Bits are data", "decisions/#2026-03-02-bits-are-data"],
    ["notebooks/a", "notebooks/a/"],
  ]);
  expect(items[1]!.pubDate.toISOString()).toBe("2026-03-02T00:00:00.000Z");
});

test("a page without a day is not in the feed", () => {
  expect(feedItems([page("start", { title: "Start" })])).toEqual([]);
});
