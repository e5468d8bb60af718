// One collection: the pages written as Markdown in `content/docs/` and the notebooks of the project.

import { defineCollection } from "astro:content";
import { docsSchema } from "@astrojs/starlight/schema";
import { z } from "astro/zod";
import { docsAndNotebooks } from "./loader.ts";

/** The day on which a story was published, for the feed. */
const published = z.coerce.date().optional();

export const collections = {
  docs: defineCollection({ loader: docsAndNotebooks(), schema: docsSchema({ extend: z.object({ published }) }) }),
};
