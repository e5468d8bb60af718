/**
 * A front end whose kernel computes for ever; prints the kernel's process id. Killed by its test.
 */
import { startClient } from "./wire-client.ts";

const client = await startClient();
void client.execute("console.log('busy'); while (true) {}");
await client.published("stream", "busy");
console.log(client.process.pid);
