/**
 * What cells unpack files with, as `node:zlib` has it.
 */
import { gunzipSync as gunzip } from "fflate";
import { bytesOf } from "./bytes.ts";

/** The content of a packed file. */
export const gunzipSync = (packed: Uint8Array): Uint8Array => bytesOf(gunzip(packed));
