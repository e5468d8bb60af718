// The files that a notebook's page offers: the notebook itself, and each figure as SVG, CSV and text.
import { basename } from "node:path";
import type { APIRoute } from "astro";
import { listNotebooks, readNotebook } from "../../../../src/notebook/file.ts";
import { pageFiles } from "../../../../src/notebook/render/page.ts";

const FOLDER = "notebooks";

export async function getStaticPaths() {
  const names = (await listNotebooks(FOLDER)).map((name) => basename(name, ".ipynb"));
  return (await Promise.all(names.map(pathsOf))).flat();
}

async function pathsOf(name: string) {
  const nb = await readNotebook(`${FOLDER}/${name}.ipynb`);
  return pageFiles(name, nb).map((file) => ({ params: { notebook: name, file: file.name }, props: { file } }));
}

export const GET: APIRoute = ({ props }) =>
  new Response(props.file.text, { headers: { "Content-Type": props.file.mime } });
