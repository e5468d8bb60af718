/**
 * Puts the files for types beside the built pages. They take seconds to make and change seldom, so they are kept from one
 * build to the next.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AstroIntegration } from "astro";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { digestPaths } from "../../src/notebook/digest.ts";
import { replaceFile } from "../../src/notebook/file.ts";
import { COMPILER, ENVIRONMENT } from "./files.ts";

/** A file of the built site. */
interface Made {
  readonly name: string;
  /** The files and folders of the project that decide over its content. */
  readonly inputs: readonly string[];
  make(): Promise<string>;
}

const FILES: readonly Made[] = [
  { name: COMPILER, inputs: ["package-lock.json", "site/types/integration.ts"], make: compilerModule },
  { name: ENVIRONMENT, inputs: ["package-lock.json", "site/types", "src"], make: environmentFile },
];

/** Writes the files for types at the end of a build. */
export function typeFiles(): AstroIntegration {
  return {
    name: "ptlab-types",
    hooks: {
      "astro:build:done": async ({ dir }) => {
        for (const made of FILES) await write(join(fileURLToPath(dir), made.name), await kept(made));
      },
    },
  };
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, text);
}

/** The file as it was made last if nothing that it depends on has changed since. */
async function kept({ name, inputs, make }: Made): Promise<string> {
  const path = join(PROJECT_ROOT, ".ptlab", name);
  const key = `${await digestPaths(PROJECT_ROOT, inputs)}\n`;
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

async function environmentFile(): Promise<string> {
  const { typeEnvironment } = await import("./environment.ts");
  return JSON.stringify(typeEnvironment());
}
