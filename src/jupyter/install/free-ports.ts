/**
 * Ports for what is about to be started: a kernel on trial, and a test's kernels and servers.
 */
import { once } from "node:events";
import { createServer } from "node:net";

/** Ports of the loopback interface that nobody listens on, all held until the last one is found, so that no two are the same. */
export async function freePorts<Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> {
  const servers = await Promise.all(
    names.map(async (name) => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return { name, server, port: (server.address() as { port: number }).port };
    }),
  );
  await Promise.all(servers.map(({ server }) => once(server.close(), "close")));
  return Object.fromEntries(servers.map(({ name, port }) => [name, port])) as Record<Name, number>;
}
