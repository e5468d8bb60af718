// The recorded runs of real kernels, which cells of a page read.
import { readFile } from "node:fs/promises";
import type { APIRoute } from "astro";
import { dataFiles } from "../../../src/notebook/file.ts";
import { RECORDINGS } from "../../../src/notebook/fresh.ts";
import { fetchName } from "../../live/messages.ts";

export async function getStaticPaths() {
  return (await dataFiles(RECORDINGS)).map((name) => ({ params: { file: fetchName(name) }, props: { name } }));
}

export const GET: APIRoute = async ({ props }) => new Response(await readFile(`${RECORDINGS}/${props.name}`));
