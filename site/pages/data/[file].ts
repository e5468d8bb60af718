// The captures and traces of `notebooks/data/`, which live figures fetch and readers may download.
import { readFile } from "node:fs/promises";
import type { APIRoute } from "astro";
import { dataFiles } from "../../../src/notebook/file.ts";
import { fetchName } from "../../live/messages.ts";

const FOLDER = "notebooks/data";

export async function getStaticPaths() {
  const names = await dataFiles(FOLDER);
  const published = names.flatMap((name) => [...new Set([name, fetchName(name)])].map((file) => ({ name, file })));
  return published.map(({ name, file }) => ({ params: { file }, props: { name } }));
}

export const GET: APIRoute = async ({ props }) => new Response(await readFile(`${FOLDER}/${props.name}`));
