// Where a link of a page leads, within the site.

/** A page of the site, by its path without slashes around it, and a place on it. */
export interface Place {
  readonly page: string;
  readonly anchor: string;
}

const HOST = "http://here";

/** The place that a link on `page` leads to, or undefined if it leaves the site. */
export function placeOf(href: string, page: string, base: string): Place | undefined {
  const url = URL.parse(href, `${HOST}${base}${page === "" ? "" : `${page}/`}`);
  if (url === null || url.origin !== HOST) return undefined;
  // Pages of a site in a folder may still say `/notebooks/...`.
  const path = url.pathname.startsWith(base) ? url.pathname.slice(base.length) : url.pathname;
  return { page: path.replace(/^\/|\/$/g, ""), anchor: decodeURIComponent(url.hash.slice(1)) };
}

/** The address of a place. */
export const addressOf = ({ page, anchor }: Place, base: string): string =>
  `${base}${page === "" ? "" : `${page}/`}${anchor === "" ? "" : `#${anchor}`}`;
