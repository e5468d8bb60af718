/**
 * What a figure is drawn with in a notebook: a document without a browser, and the version of the simulator that is
 * stamped into the picture. Made when the first figure is shown, because a document takes a third of a second.
 */
import { readFile } from "node:fs/promises";
import type { Build, Host } from "../../figure/figure.ts";
import { sourceDigest } from "../../notebook/digest.ts";
import { PROJECT_ROOT } from "../paths.ts";

/** A host that is made on first use; `renew` forgets the digest, for when sources were edited. */
export function lazyHost(): { get(): Promise<Host>; renew(): void } {
  let document: Promise<Document> | undefined;
  let build: Promise<Build> | undefined;
  return {
    async get() {
      document ??= makeDocument();
      build ??= readBuild();
      return { document: await document, build: await build };
    },
    renew() {
      build = undefined;
    },
  };
}

async function makeDocument(): Promise<Document> {
  const { Window } = await import("happy-dom");
  return new Window().document as unknown as Document;
}

/** The tool as it is now. */
export async function readBuild(): Promise<Build> {
  const { version } = JSON.parse(await readFile(`${PROJECT_ROOT}/package.json`, "utf8"));
  return { version, source: await sourceDigest(PROJECT_ROOT) };
}
