// The files that a figure with a page of its own offers.
import type { APIRoute } from "astro";
import { loneFigures, loneFiles } from "../../lone-figures.ts";

export async function getStaticPaths() {
  const pathsOf = loneFigures.map(async (lone) => {
    const files = await loneFiles(lone);
    return files.map((file) => ({ params: { page: lone.page, file: file.name }, props: { file } }));
  });
  return (await Promise.all(pathsOf)).flat();
}

export const GET: APIRoute = ({ props }) =>
  new Response(props.file.text, { headers: { "Content-Type": props.file.mime } });
