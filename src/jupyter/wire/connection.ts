/**
 * The connection file that a Jupyter front end writes for its kernel.
 */
import { readFile } from "node:fs/promises";
import { oneOf, UserError } from "../../base/errors.ts";

/** The sockets of a kernel by their names in the connection file. */
export const CHANNELS = ["shell", "control", "iopub", "stdin", "hb"] as const;
/** One of the sockets. */
export type Channel = (typeof CHANNELS)[number];

/** Where the kernel listens, and the key that signs its messages. */
export interface Connection {
  readonly key: string;
  readonly scheme: string;
  /** ZeroMQ address of a channel. */
  address(channel: Channel): string;
}

const LOOPBACK = ["127.0.0.1", "localhost", "::1"] as const;
const SCHEMES = ["hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha1"] as const;

/** Reads a connection file. Throws {@link UserError} on a foreign file and on an address that others can reach. */
export async function readConnection(file: string): Promise<Connection> {
  const fields = await readFields(file);
  const text = (name: string, otherwise: string): string => String(fields[name] ?? otherwise);
  const scheme = oneOf("signature scheme", text("signature_scheme", "hmac-sha256"), SCHEMES);
  const transport = oneOf("transport", text("transport", "tcp"), ["tcp", "ipc"]);
  const ip = text("ip", "127.0.0.1");
  if (transport === "tcp" && !LOOPBACK.some((host) => host === ip))
    throw new UserError(`${file}: ip ${ip} can be reached from outside; ${LOOPBACK.join(", ")} are allowed`);
  const port = (channel: Channel): number => {
    const given = fields[`${channel}_port`];
    if (typeof given === "number" && Number.isInteger(given)) return given;
    throw new UserError(`${file}: ${channel}_port is missing`);
  };
  const separator = transport === "tcp" ? ":" : "-";
  const host = ip === "::1" ? "[::1]" : ip === "localhost" ? "127.0.0.1" : ip;
  return { key: text("key", ""), scheme, address: (channel) => `${transport}://${host}${separator}${port(channel)}` };
}

async function readFields(file: string): Promise<Record<string, unknown>> {
  try {
    const fields = JSON.parse(await readFile(file, "utf8"));
    if (typeof fields === "object" && fields !== null) return fields;
  } catch (error) {
    throw new UserError(`${file}: cannot be read as a Jupyter connection file: ${(error as Error).message}`);
  }
  throw new UserError(`${file}: this is no Jupyter connection file`);
}
