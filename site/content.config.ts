// One collection: the pages written as Markdown in `content/docs/` and the notebooks of the project.
import { defineCollection } from "astro:content";
import { docsSchema } from "@astrojs/starlight/schema";
import { docsAndNotebooks } from "./loader.ts";

export const collections = {
  docs: defineCollection({ loader: docsAndNotebooks(), schema: docsSchema() }),
};
