/**
 * The first file of a session's process.
 */
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
await import("./child-main.ts");
