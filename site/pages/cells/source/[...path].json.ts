// What the source files declare that notebooks show, for cells that are run again.
import type { APIRoute } from "astro";
import { sourceIndex } from "../../../../src/jupyter/show/source.ts";
import { namedSources } from "../../../cells/named-sources.ts";

export const getStaticPaths = async () => (await namedSources()).map((path) => ({ params: { path } }));

export const GET: APIRoute = ({ params }) => Response.json(sourceIndex(process.cwd(), params.path!));
