/**
 * Puts the files for types beside the built pages.
 */
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AstroIntegration } from "astro";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { listNotebooks } from "../../src/notebook/file.ts";
import { apiSources } from "../api/load.ts";
import { type Digests, kept, type Made, write } from "../kept.ts";
import { COMPILER, ENVIRONMENT, HOVERS } from "./files.ts";

/** All that decides over a type: sources, packages, and how types are told. */
export const TYPE_INPUTS = [
  ...["src", "site/api", "site/types", "package-lock.json"],
  ...["site/addresses.ts", "site/kept.ts"],
] as const;

async function files(): Promise<Made[]> {
  const notebooks = await listNotebooks(join(PROJECT_ROOT, "notebooks"));
  return [
    { name: COMPILER, inputs: ["package-lock.json", "site/types/integration.ts"], make: compilerModule },
    { name: ENVIRONMENT, inputs: TYPE_INPUTS, make: environmentFile },
    ...notebooks.map((file) => ({
      name: `notebooks/${basename(file, ".ipynb")}/${HOVERS}`,
      inputs: [...TYPE_INPUTS, `notebooks/${file}`],
      make: () => hoversFile(file),
    })),
  ];
}

/** Writes the files for types at the end of a build. */
export function typeFiles(): AstroIntegration {
  return {
    name: "ptlab-types",
    hooks: {
      "astro:build:done": async ({ dir }) => {
        const digests: Digests = new Map();
        for (const made of await files()) await write(join(fileURLToPath(dir), made.name), await kept(made, digests));
      },
      "astro:server:setup": ({ server }) => {
        server.middlewares.use((request, response, next) => {
          serve(request.url ?? "", response).then((isServed) => isServed || next(), next);
        });
      },
    },
  };
}

/** In development, a file is made when it is asked for. */
async function serve(url: string, response: ServerResponse): Promise<boolean> {
  const made = (await files()).find(({ name }) => url.split("?")[0]!.endsWith(`/${name}`));
  if (made === undefined) return false;
  response.setHeader("Content-Type", made.name.endsWith(".js") ? "text/javascript" : "application/json");
  response.end(await kept(made));
  return true;
}

/** TypeScript as a module. The site's bundler would make it smaller anew with each build. */
async function compilerModule(): Promise<string> {
  const { minify } = await import("vite");
  const path = join(PROJECT_ROOT, "node_modules", "typescript", "lib", "typescript.js");
  const { code } = await minify("typescript.js", `${await readFile(path, "utf8")}\nexport default ts;`, {
    module: true,
  });
  return code;
}

async function hoversFile(file: string): Promise<string> {
  const { notebookHovers } = await import("./hovers.ts");
  return JSON.stringify(await notebookHovers(file));
}

async function environmentFile(): Promise<string> {
  const { typeEnvironment } = await import("./environment.ts");
  return JSON.stringify(typeEnvironment((await apiSources()).declarations));
}
