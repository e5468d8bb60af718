/**
 * What the kernel says of itself.
 */
import { readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../paths.ts";
import type { Handler } from "./kernel.ts";
import { PROTOCOL_VERSION } from "./message.ts";

const versionOf = (folder: string): string => JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).version;

/** Answers `kernel_info_request`. */
export const infoHandler: Handler = () => {
  const version = versionOf(PROJECT_ROOT);
  const language = languageInfo();
  return {
    status: "ok",
    protocol_version: PROTOCOL_VERSION,
    implementation: "ptlab",
    implementation_version: version,
    language_info: language,
    banner: `ptlab ${version}: TypeScript ${language.version} on Node ${process.versions.node}`,
    debugger: false,
    help_links: [{ text: "TypeScript", url: "https://www.typescriptlang.org/docs/" }],
  };
};

/** What front ends highlight and convert by, and keep in a notebook's metadata. */
export const languageInfo = () => ({
  name: "typescript",
  version: versionOf(`${PROJECT_ROOT}/node_modules/typescript`),
  mimetype: "text/typescript",
  file_extension: ".ts",
  pygments_lexer: "typescript",
  codemirror_mode: { name: "javascript", typescript: true },
  nbconvert_exporter: "script",
});
