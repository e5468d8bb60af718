/**
 * Puts the files for types beside the built pages. They take seconds to make and change seldom, so they are kept from one
 * build to the next.
 */
import { mkdir, readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AstroIntegration } from "astro";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { digestPaths } from "../../src/notebook/digest.ts";
import { listNotebooks, replaceFile } from "../../src/notebook/file.ts";
import { COMPILER, ENVIRONMENT, HOVERS } from "./files.ts";

/** A file of the built site. */
interface Made {
  readonly name: string;
  /** The files and folders of the project that decide over its content. */
  readonly inputs: readonly string[];
  make(): Promise<string>;
}

/** All that decides over a type: sources, packages, and how types are told. */
const TYPES = ["src", "site/types", "package-lock.json"];

async function files(): Promise<Made[]> {
  const notebooks = await listNotebooks(join(PROJECT_ROOT, "notebooks"));
  return [
    { name: COMPILER, inputs: ["package-lock.json", "site/types/integration.ts"], make: compilerModule },
    { name: ENVIRONMENT, inputs: TYPES, make: environmentFile },
    ...notebooks.map((file) => ({
      name: `notebooks/${basename(file, ".ipynb")}/${HOVERS}`,
      inputs: [...TYPES, `notebooks/${file}`],
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
        const digests = new Map<string, Promise<string>>();
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
  response.end(await kept(made, new Map()));
  return true;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, text);
}

/** The file as it was made last if nothing that it depends on has changed since; `digests` are those known of its inputs. */
async function kept({ name, inputs, make }: Made, digests: Map<string, Promise<string>>): Promise<string> {
  const path = join(PROJECT_ROOT, ".ptlab", name);
  for (const input of inputs) if (!digests.has(input)) digests.set(input, digestPaths(PROJECT_ROOT, [input]));
  const key = `${await Promise.all(inputs.map((input) => digests.get(input)))}\n`;
  const stored = await readFile(path, "utf8").catch(() => "");
  if (stored.startsWith(key)) return stored.slice(key.length);
  const text = await make();
  await write(path, key + text);
  return text;
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
  return JSON.stringify(typeEnvironment());
}
