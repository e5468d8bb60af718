// Everything may be read; the sitemap says what there is.

import type { APIRoute } from "astro";
import { root } from "../addresses.ts";

export const GET: APIRoute = ({ site }) => {
  const sitemap = new URL(`${root(import.meta.env.BASE_URL)}sitemap-index.xml`, site);
  return new Response(`User-agent: *\nAllow: /\n\nSitemap: ${sitemap.href}\n`);
};
