// Names of the files that cells of a page can read.
import type { APIRoute } from "astro";
import { dataFiles } from "../../../src/notebook/file.ts";
import { RECORDINGS } from "../../../src/notebook/fresh.ts";
import { namedSources } from "../../cells/named-sources.ts";
import type { Published } from "../../cells/node/fs.ts";

export const GET: APIRoute = async () => {
  const [data, recordings] = await Promise.all([dataFiles("notebooks/data"), dataFiles(RECORDINGS)]);
  return Response.json({ data, recordings, sources: await namedSources() } satisfies Published);
};
