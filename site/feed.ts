/**
 * What the feed holds: each story on the day of its publication, and each dated decision.
 */
import type { CollectionEntry } from "astro:content";

/** One entry of the feed; `path` is below the site's base. */
export interface FeedItem {
  readonly title: string;
  readonly path: string;
  readonly pubDate: Date;
  readonly description: string | undefined;
}

const DATED = /^(\d{4}-\d{2}-\d{2}): (.+)$/;

/** The entries, newest first; those of one day in the order of the pages. */
export function feedItems(pages: readonly CollectionEntry<"docs">[]): readonly FeedItem[] {
  const items = pages.flatMap((page) => (page.id === "decisions" ? decisions(page) : story(page)));
  return items.sort((a, b) => b.pubDate.getTime() - a.pubDate.getTime());
}

function story({ id, data: { published, title, description } }: CollectionEntry<"docs">): FeedItem[] {
  return published === undefined ? [] : [{ title, path: `${id}/`, pubDate: published, description }];
}

function decisions({ id, rendered }: CollectionEntry<"docs">): FeedItem[] {
  const headings = (rendered?.metadata?.headings ?? []) as readonly { readonly text: string; readonly slug: string }[];
  return headings.flatMap(({ text, slug }) => {
    const [, day, title] = DATED.exec(text) ?? [];
    if (day === undefined || title === undefined) return [];
    return [{ title: `Decision: ${title}`, path: `${id}/#${slug}`, pubDate: new Date(day), description: undefined }];
  });
}
