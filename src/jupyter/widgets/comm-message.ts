/**
 * A comm's message on its way between a cell and the front end, in the form in which it crosses processes.
 */
import type { JsonObject } from "../../notebook/format.ts";

/** One message of a comm, named as on the wire. */
export interface CommMessage {
  readonly type: "comm_open" | "comm_msg" | "comm_close";
  readonly content: { readonly comm_id: string; readonly target_name?: string; readonly data: JsonObject };
  readonly metadata: JsonObject;
  /** In base64, because what goes between processes is text. */
  readonly buffers: readonly string[];
}

/** What closes a comm without a word. */
export const closing = (id: string): CommMessage => ({
  ...{ type: "comm_close", content: { comm_id: id, data: {} }, metadata: {}, buffers: [] },
});
