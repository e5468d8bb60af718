// What the source files declare that notebooks show, for cells that are run again.
import type { APIRoute } from "astro";
import { namedSources } from "../../../cells/named-sources.ts";
import { kept } from "../../../kept.ts";

export const getStaticPaths = async () => (await namedSources()).map((path) => ({ params: { path } }));

/** Kept from build to build, because TypeScript takes a second to load. */
export const GET: APIRoute = async ({ params }) => {
  const path = params.path!;
  const make = async () => {
    const { sourceIndex } = await import("../../../../src/jupyter/show/source.ts");
    return JSON.stringify(sourceIndex(process.cwd(), path));
  };
  const inputs = [`src/${path}`, "src/jupyter", "package-lock.json"];
  const text = await kept({ name: `cells/source/${path}.json`, inputs, make });
  return new Response(text, { headers: { "Content-Type": "application/json" } });
};
