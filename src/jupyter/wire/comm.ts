/**
 * Comms, the channel of widgets: hands what front ends open, send and close to the session, and tells which comms there are.
 */
import type { JsonObject } from "../../notebook/format.ts";
import type { CommMessage } from "../widgets/comm-message.ts";
import type { Exchange, Handler, Handlers, SessionSlot } from "./kernel.ts";
import { publisher } from "./publish.ts";

/** Answers `comm_info_request` and passes on every other message of a comm. */
export function commHandlers(slot: SessionSlot): Handlers {
  const pass: Handler = async (exchange) => {
    const { flush, ...sinks } = publisher(exchange);
    await slot.current().receive(messageOf(exchange), sinks);
    flush();
    return undefined;
  };
  return { comm_open: pass, comm_msg: pass, comm_close: pass, comm_info_request: (exchange) => info(slot, exchange) };
}

function info(slot: SessionSlot, { content }: Exchange): object {
  const wanted = content.target_name;
  const all = [...slot.current().comms].filter(([, target]) => !wanted || target === wanted);
  return { status: "ok", comms: Object.fromEntries(all.map(([id, target_name]) => [id, { target_name }])) };
}

function messageOf({ header, content, metadata, buffers }: Exchange): CommMessage {
  const { comm_id, target_name, data } = content;
  return {
    type: header.msg_type as CommMessage["type"],
    content: {
      ...{ comm_id: String(comm_id), data: (data ?? {}) as JsonObject },
      ...(target_name === undefined ? {} : { target_name: String(target_name) }),
    },
    metadata,
    buffers: buffers.map((bytes) => bytes.toString("base64")),
  };
}
