/**
 * Compiles the engine's AssemblyScript. Run as a program (`npm run engine`) it writes the bytes into `src/mmu/engine/wasm-bytes.ts`;
 * a test compiles again and finds them equal.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";

const ROOT = path.resolve(import.meta.dirname, "../../..");

/** The module's bytes, and its text form. */
export async function compileEngine(): Promise<{ bytes: Uint8Array; text: string }> {
  const outputs = new Map<string, Uint8Array | string>();
  const options = "-O3 --noAssert --runtime stub --enable simd --use abort= -o engine.wasm -t engine.wat";
  const { error, stderr } = await asc.main(
    ["src/mmu/engine/assembly/index.ts", ...options.split(" "), "--baseDir", ROOT],
    {
      writeFile: (name: string, contents: Uint8Array | string) => void outputs.set(name, contents),
    },
  );
  if (error !== null) throw new Error(stderr.toString());
  return { bytes: outputs.get("engine.wasm") as Uint8Array, text: outputs.get("engine.wat") as string };
}

/** The file that holds the bytes, as text. */
export function bytesFile(bytes: Uint8Array): string {
  return `/** The engine as WebAssembly, made by \`npm run engine\` from \`assembly/\`: not to be edited. */

/** The module's bytes in base64. */
export const ENGINE_WASM =
  "${Buffer.from(bytes).toString("base64")}";
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const { bytes } = await compileEngine();
  const file = path.join(ROOT, "src/mmu/engine/wasm-bytes.ts");
  writeFileSync(file, bytesFile(bytes));
  console.log(`${path.relative(ROOT, file)}: ${bytes.length} bytes`);
}
