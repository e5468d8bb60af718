// The captures and traces of `notebooks/data/`, which live figures fetch and readers may download.
import { readFile } from "node:fs/promises";
import type { APIRoute } from "astro";
import { dataFiles } from "../../../src/notebook/file.ts";

const FOLDER = "notebooks/data";

export async function getStaticPaths() {
  return (await dataFiles(FOLDER)).map((file) => ({ params: { file } }));
}

export const GET: APIRoute = async ({ params }) => new Response(await readFile(`${FOLDER}/${params.file}`));
