/**
 * The kernel: requests come in, sessions do the work, answers go out. Each request is framed by `busy` and `idle`; cells
 * run in the order in which they came, everything else is answered at once.
 */
import type { ChildSession } from "../session/child-session.ts";
import { commHandlers } from "./comm.ts";
import { executeHandler } from "./execute.ts";
import { type History, historyHandler } from "./history.ts";
import { infoHandler } from "./info.ts";
import { introspectionHandlers } from "./introspect.ts";
import type { Header, Message, Outgoing } from "./message.ts";
import type { RequestChannel, Sockets } from "./sockets.ts";
import { createStdin, type Stdin } from "./stdin.ts";

/** What a handler has at hand while it answers one request. */
export interface Exchange {
  readonly content: Message["content"];
  readonly header: Header;
  readonly identities: Message["identities"];
  readonly metadata: Message["metadata"];
  readonly buffers: Message["buffers"];
  /** Waits until the cells before have been answered, and publishes `busy`. For the handler of cells, and nobody else. */
  begin(): Promise<void>;
  /** Publishes to all front ends, as caused by this request. */
  publish(type: string, content: object, extras?: Pick<Outgoing, "metadata" | "buffers">): void;
}

/** Answers one type of request with the content of its reply, or with nothing where the protocol has no reply. */
export type Handler = (exchange: Exchange) => Promise<object | undefined> | object | undefined;
/** Handlers by the type of the message that they answer. */
export type Handlers = Readonly<Record<string, Handler>>;

/** What a kernel is made of. */
export interface KernelParts {
  readonly sockets: Sockets;
  readonly history: History;
  startSession(): ChildSession;
  /** Called when a front end has asked for the end; the answer is on its way. */
  onShutdown(): void;
}

/** The session that handlers use. */
export interface SessionSlot {
  /** The session; a new one if a cell has ended the process of the one before. */
  current(): ChildSession;
  /** Ends the session for good. */
  close(): Promise<void>;
}

/** Runs a kernel until `onShutdown`. Returns what interrupts it and what ends it. */
export function startKernel(parts: KernelParts): { interrupt(): void; close(): Promise<void> } {
  const slot = createSlot(parts.startSession);
  const stdin = createStdin(parts.sockets);
  const turns = createTurns();
  // The same on both: front ends before 5.0 of the protocol know no control channel, and shut down by the shell.
  const handlers: Handlers = { ...shellHandlers(slot, stdin, parts.history), ...controlHandlers(slot, parts) };
  parts.sockets.listen("shell", answerer("shell", handlers, parts.sockets, turns));
  parts.sockets.listen("control", answerer("control", handlers, parts.sockets, turns));
  parts.sockets.listen("stdin", stdin.receive);
  parts.sockets.send("iopub", { identities: ["status"], type: "status", content: { execution_state: "starting" } });
  return {
    interrupt: () => slot.current().interrupt(),
    async close() {
      await slot.close();
      await parts.sockets.close();
    },
  };
}

function createSlot(start: () => ChildSession): SessionSlot {
  let session = start();
  let ended: ChildSession | undefined;
  let isClosed = false;
  const watch = async (watched: ChildSession) => {
    await watched.ended;
    ended = watched;
  };
  void watch(session);
  return {
    current() {
      // Not before it is wanted: one that cannot start would be started for ever.
      if (ended !== session || isClosed) return session;
      session = start();
      void watch(session);
      return session;
    },
    async close() {
      isClosed = true;
      await session.close();
    },
  };
}

function shellHandlers(slot: SessionSlot, stdin: Stdin, history: History): Handlers {
  return {
    kernel_info_request: infoHandler,
    execute_request: executeHandler(slot, history, stdin),
    history_request: historyHandler(history),
    ...introspectionHandlers(slot),
    ...commHandlers(slot),
  };
}

function controlHandlers(slot: SessionSlot, parts: KernelParts): Handlers {
  return {
    interrupt_request() {
      slot.current().interrupt();
      return { status: "ok" };
    },
    async shutdown_request({ content, publish }) {
      // The reply says that all is over: first the session ends, and with it the cell that runs.
      await slot.close();
      const reply = { status: "ok", restart: content.restart === true };
      // The other front ends hear of it here.
      publish("shutdown_reply", reply);
      // After this reply has been queued.
      setImmediate(parts.onShutdown);
      return reply;
    },
    debug_request: ({ content }) => ({
      ...{ type: "response", request_seq: content.seq ?? 0, seq: 0, command: content.command ?? "", success: false },
      message: "this kernel has no debugger, as its kernel_info_reply says",
    }),
  };
}

/** The queue of the cells: one after another is answered. */
interface Turns {
  /** The place behind all that have come: when its turn comes, and what ends that turn. */
  take(): { readonly come: Promise<void>; end(): void };
  /** Publishes `busy` for the cell whose turn it is. */
  current?: () => void;
}

function createTurns(): Turns {
  let last = Promise.resolve();
  return {
    take() {
      const come = last;
      const { promise, resolve: end } = Promise.withResolvers<void>();
      last = promise;
      return { come, end };
    },
  };
}

/** Frames a request by `busy` and `idle` and sends its reply on the channel it came by. */
function answerer(channel: RequestChannel, handlers: Handlers, sockets: Sockets, turns: Turns) {
  return async ({ header, identities, content, metadata, buffers }: Message): Promise<void> => {
    const publish: Exchange["publish"] = (type, published, extras) =>
      sockets.send("iopub", { identities: [type], type, content: published, parent: header, ...extras });
    const turn = header.msg_type === "execute_request" ? turns.take() : undefined;
    const busy = () => publish("status", { execution_state: "busy" });
    let started = new Date();
    const begin = async () => {
      await turn?.come;
      started = new Date();
      turns.current = busy;
      busy();
    };
    if (turn === undefined) busy();
    const handler = Object.hasOwn(handlers, header.msg_type) ? handlers[header.msg_type] : undefined;
    const reply = await answer(handler, { header, identities, content, metadata, buffers, begin, publish });
    const type = header.msg_type.replace(/_request$/, "_reply");
    if (reply !== undefined && type !== header.msg_type)
      sockets.send(channel, {
        identities,
        type,
        content: reply,
        parent: header,
        metadata: { started: started.toISOString() },
      });
    publish("status", { execution_state: "idle" });
    if (turn !== undefined) turns.current = undefined;
    turn?.end();
    // Front ends show the last state that they hear, whatever its parent is, and a cell is still at work.
    turns.current?.();
  };
}

async function answer(handler: Handler | undefined, exchange: Exchange): Promise<object | undefined> {
  const type = exchange.header.msg_type;
  if (handler === undefined)
    return { status: "error", ename: "UnknownRequest", evalue: `this kernel does not know ${type}`, traceback: [] };
  try {
    return await handler(exchange);
  } catch (error) {
    return { status: "error", ename: (error as Error).name, evalue: (error as Error).message, traceback: [] };
  }
}
