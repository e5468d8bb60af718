// The feed of stories and decisions.

import { getCollection } from "astro:content";
import rss from "@astrojs/rss";
import type { APIRoute } from "astro";
import { feedItems } from "../feed.ts";

export const GET: APIRoute = async ({ site }) => {
  const base = new URL(import.meta.env.BASE_URL, site);
  const items = feedItems(await getCollection("docs"));
  return rss({
    title: "ptlab",
    description: "Stories and decisions of a laboratory for page-table designs.",
    site: base,
    items: items.map(({ path, ...item }) => ({ ...item, link: new URL(path, base).href })),
  });
};
