// The files that the address-space map's page offers for its first look.
import type { APIRoute } from "astro";
import type { PageFile } from "../../../src/notebook/render/exports.ts";
import { renderMap } from "../../map/figure.ts";

export async function getStaticPaths() {
  const { files } = await renderMap(import.meta.env.BASE_URL);
  return files.map((file) => ({ params: { file: file.name }, props: { file } }));
}

export const GET: APIRoute = ({ props }) => {
  const { text, mime } = props.file as PageFile;
  return new Response(text, { headers: { "content-type": mime } });
};
