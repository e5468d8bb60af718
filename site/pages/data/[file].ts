// The captures and traces of `notebooks/data/`, which live figures fetch and readers may download.
import { readdir, readFile } from "node:fs/promises";
import type { APIRoute } from "astro";

const FOLDER = "notebooks/data";

export async function getStaticPaths() {
  const names = await readdir(FOLDER).catch(() => [] as string[]);
  return names.filter((name) => !name.startsWith(".")).map((file) => ({ params: { file } }));
}

export const GET: APIRoute = async ({ params }) => new Response(await readFile(`${FOLDER}/${params.file}`));
