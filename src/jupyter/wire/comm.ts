/**
 * Comms, the channel of widgets: the kernel has none, and says so in the way the protocol wants.
 */
import type { Handlers } from "./kernel.ts";

/** Answers `comm_info_request` and closes every comm that is opened. */
export const commHandlers: Handlers = {
  comm_info_request: () => ({ status: "ok", comms: {} }),
  // An unknown target is answered by closing what the front end has just opened.
  comm_open({ content, publish }) {
    publish("comm_close", { comm_id: content.comm_id, data: {} });
    return undefined;
  },
  comm_msg: () => undefined,
  comm_close: () => undefined,
};
