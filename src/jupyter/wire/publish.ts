/**
 * Publishes what code of cells puts out and sends, in its order, as caused by the request that made it run.
 */
import type { OutputEvent } from "../../notebook/outputs.ts";
import type { CommSinks } from "../session/cell-session.ts";
import { coalescer } from "./coalesce.ts";
import type { Exchange } from "./kernel.ts";

/** The sinks of one request. `flush` publishes what waits to be joined with more of its kind. */
export function publisher(exchange: Exchange): Required<CommSinks> & { flush(): void } {
  const { push: onOutput, flush } = coalescer((event) => publish(exchange, event));
  const onComm: CommSinks["onComm"] = ({ type, content, metadata, buffers }) => {
    flush();
    exchange.publish(type, content, { metadata, buffers: buffers.map((text) => Buffer.from(text, "base64")) });
  };
  return { onOutput, onComm, flush };
}

function publish({ publish }: Exchange, event: OutputEvent): void {
  if (event.type === "clear") return publish("clear_output", { wait: event.wait });
  if (event.type === "update") {
    const { displayId, data, metadata } = event;
    return publish("update_display_data", { data, metadata, transient: { display_id: displayId } });
  }
  const { output_type: type, ...content } = event.output;
  if (type !== "display_data") return publish(type, content);
  publish(type, { ...content, transient: event.displayId === undefined ? {} : { display_id: event.displayId } });
}
