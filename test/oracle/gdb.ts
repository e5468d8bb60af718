/**
 * The little of gdb's remote protocol that reads registers of a QEMU guest through its gdbstub.
 */
import { connect, type Socket } from "node:net";

/** One connection. The guest stands still while it lasts. */
class Gdb {
  readonly #socket: Socket;
  #text = "";
  #waiting: ((reply: string) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;
  #asked = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#text += data.toString("latin1");
      this.#read();
    });
    socket.on("close", () => this.#failed?.(new Error("the guest closed its gdbstub")));
  }

  ask(command: string): Promise<string> {
    this.#asked = command;
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      this.#failed = reject;
      this.send(command);
    });
  }

  send(command: string): void {
    let sum = 0;
    for (const byte of Buffer.from(command, "latin1")) sum = (sum + byte) & 0xff;
    this.#socket.write(`$${command}#${sum.toString(16).padStart(2, "0")}`, "latin1");
  }

  close(): void {
    this.#failed = null;
    this.#socket.destroy();
  }

  /** Packets are `$text#xx`. Notices of a stop come at any time and answer only `?`. */
  #read(): void {
    for (;;) {
      const packet = /\$([^#]*)#../s.exec(this.#text);
      if (packet === null) return;
      this.#text = this.#text.slice(packet.index + packet[0].length);
      this.#socket.write("+");
      const isStop = /^[TS][0-9a-f]{2}/.test(packet[1]!);
      if (isStop !== (this.#asked === "?")) continue;
      this.#waiting?.(packet[1]!);
      this.#waiting = null;
    }
  }
}

/** A file of the target's description; long ones come in pieces. */
async function description(gdb: Gdb, name: string): Promise<string> {
  let text = "";
  for (;;) {
    const reply = await gdb.ask(`qXfer:features:read:${name}:${text.length.toString(16)},800`);
    text += reply.slice(1).replace(/\}(.)/gs, (_, c: string) => String.fromCharCode(c.charCodeAt(0) ^ 0x20));
    if (reply[0] !== "m") return text;
  }
}

/** Register numbers by name, from the target's description. */
async function registerNumbers(gdb: Gdb, top: string): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const [, file] of top.matchAll(/href="([^"]+)"/g)) {
    const xml = (await description(gdb, file!)).replace(/<!--.*?-->/gs, "");
    for (const [reg] of xml.matchAll(/<reg\s[^>]*>/g)) {
      next = Number(/regnum="(\d+)"/.exec(reg)?.[1] ?? next);
      numbers.set(/name="([^"]+)"/.exec(reg)![1]!, next++);
    }
  }
  return numbers;
}

/** Reads registers of guests that stand behind a Unix socket. */
export class Registers {
  readonly #path: string;
  #numbers: Map<string, number> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** Stops the guest, reads, and lets it go on. */
  async read(names: readonly string[]): Promise<bigint[]> {
    const socket = connect(this.#path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const gdb = new Gdb(socket);
    try {
      await gdb.ask("qSupported:xmlRegisters=i386");
      await gdb.ask("?");
      // QEMU answers `p` only on connections that have read the description.
      const top = await description(gdb, "target.xml");
      this.#numbers ??= await registerNumbers(gdb, top);
      const values: bigint[] = [];
      for (const name of names) values.push(littleEndian(await gdb.ask(`p${this.#number(name).toString(16)}`)));
      gdb.send("D");
      // QEMU lets the guest go on when it has read this; a connection that closes before loses it.
      await new Promise((go) => setTimeout(go, 5));
      return values;
    } finally {
      gdb.close();
    }
  }

  #number(name: string): number {
    const number = this.#numbers!.get(name);
    if (number === undefined) throw new Error(`QEMU's gdbstub knows no register ${name}`);
    return number;
  }
}

function littleEndian(hex: string): bigint {
  return BigInt(`0x${hex.match(/../g)!.reverse().join("")}`);
}
