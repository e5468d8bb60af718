/**
 * Recording in a given kernel image under QEMU, with every raw page-table entry.
 *
 * The guest's memory is a file. The recorder runs as /init and hands every record over in a window of that memory
 * (recorder/window.c); while it waits for the answer nothing changes, and the tables of all processes are read from the file.
 * Where a process' tables begin is learned once: QEMU's gdbstub stops the guest while the process spins and tells the
 * register; that it is this process' is known by a page of its own at a known address (`MARK_VA`).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { type Format, vaBits } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import type { Recorded } from "../../src/study/ops/compare.ts";
import type { PtRow } from "../../src/study/ops/entries.ts";
import type { OpRecord, OpsSpec } from "../../src/study/ops/run.ts";
import { buildRecorder, type Machine } from "./build.ts";
import { cpio } from "./cpio.ts";
import { Registers } from "./gdb.ts";
import { frameAt, GuestMemory, readEntries, type TableRoot } from "./ram.ts";
import { Assembler, type KernelUnderTest, type NamedScript, type RecordOptions } from "./recording.ts";

/** A guest to record in. */
export interface GuestSpec {
  readonly machine: Machine;
  /** Kernel image, as QEMU's -kernel takes it. */
  readonly image: string;
  /** QEMU's CPU model. */
  readonly cpu: string;
  readonly memoryMiB: number;
}

/** What QEMU needs to know for an architecture. */
interface Platform {
  readonly program: string;
  readonly board: string;
  readonly console: string;
  /** Physical address at which memory begins. */
  readonly memoryBase: number;
  readonly debianPackage: string;
  readonly registers: readonly string[];
  /** Format, root table and who sets accessed and dirty, by the registers' values. */
  decode(values: readonly bigint[]): { format: Format; root: number; accessDirty?: OpsSpec["accessDirty"] };
}

const PLATFORMS: Record<Machine, Platform> = {
  aarch64: {
    program: "qemu-system-aarch64",
    board: "virt,gic-version=3",
    console: "ttyAMA0",
    memoryBase: 0x40000000,
    debianPackage: "qemu-system-arm",
    registers: ["TTBR0_EL1", "TCR_EL1"],
    decode: decodeArm64,
  },
  x86_64: {
    program: "qemu-system-x86_64",
    board: "pc",
    console: "ttyS0",
    memoryBase: 0,
    debianPackage: "qemu-system-x86",
    registers: ["cr3", "cr4"],
    decode: decodeX86,
  },
};

/** Arm ARM (DDI 0487), TCR_EL1: T0SZ is bits 0-5, TG0 bits 14-15, HA bit 39; TTBR0_EL1: the table is bits 1-47. */
function decodeArm64([ttbr, tcr]: readonly bigint[]): ReturnType<Platform["decode"]> {
  const pageLg2 = [12, 16, 14][Number((tcr! >> 14n) & 3n)]!;
  const bits = 64 - Number(tcr! & 63n);
  const format = formats.find((f) => f.machine === "aarch64" && f.pageLg2 === pageLg2 && vaBits(f) === bits);
  if (format === undefined)
    throw new UserError(`no page-table format for ${bits} bits of address in ${2 ** pageLg2}-byte pages`);
  const accessDirty = (tcr! >> 39n) & 1n ? "hardware" : "fault";
  return { format, root: Number(ttbr! & 0x0000_ffff_ffff_ffc0n), accessDirty };
}

/** Intel SDM volume 3, CR4: LA57 is bit 12; CR3: the table is bits 12-51. */
function decodeX86([cr3, cr4]: readonly bigint[]): ReturnType<Platform["decode"]> {
  const name = (cr4! >> 12n) & 1n ? "x86-64-la57" : "x86-64";
  return { format: formats.find((f) => f.name === name)!, root: Number(cr3! & 0x000f_ffff_ffff_f000n) };
}

/** A kernel image as a kernel under test. The recorder is built into `folder`. */
export async function guestKernel(spec: GuestSpec, folder: string, options: RecordOptions): Promise<KernelUnderTest> {
  if (!existsSync(spec.image)) throw new UserError(`no kernel image ${spec.image}; get-kernel fetches one`);
  const recorder = await readFile(await buildRecorder(spec.machine, folder));
  let run = 0;
  return {
    what: `${path.basename(spec.image)} on ${spec.cpu} under QEMU`,
    batch: SCRIPTS_PER_BOOT,
    repeats: true,
    record: async (scripts, done) => {
      const guest = new Guest(spec, path.join(folder, `guest${run++}`), scripts, options, done);
      await guest.run(recorder);
    },
  };
}

/** Where recorder.h puts the page by which a process is known. */
const MARK_VA = 0x1f0000000000;
/** Offsets in `struct mark` and `struct window`. */
const MARK_GO = 4;
const WINDOW = { magic: 0, written: 8, taken: 12, bytes: 16, sum: 20, more: 24, text: 32 };
const WINDOW_MAGIC = 0x776f646e69776d6dn;

/** Scripts are small, and a guest's whole run of them lies in memory: this many a boot. */
const SCRIPTS_PER_BOOT = 200;

const BOOT_MS = 60_000;
/** The longest that one line may take; TCG is slow, and other work may be going on. */
const SILENCE_MS = 120_000;

class Guest {
  readonly #spec: GuestSpec;
  readonly #platform: Platform;
  readonly #folder: string;
  readonly #options: RecordOptions;
  readonly #scripts: readonly NamedScript[];
  readonly #lines: Assembler;
  readonly #roots = new Map<number, TableRoot>();
  readonly #registers: Registers;
  #memory: GuestMemory | null = null;
  #machine: Pick<OpsSpec, "arch" | "accessDirty"> | null = null;
  #pageBytes = 0;
  #window: number[] = [];
  #text: Buffer[] = [];
  /** Header of a script: kept until its first process has told the format. */
  #early: string | null = null;
  #status = -1;

  constructor(
    spec: GuestSpec,
    folder: string,
    scripts: readonly NamedScript[],
    options: RecordOptions,
    done: (recorded: Recorded) => void,
  ) {
    this.#spec = spec;
    this.#platform = PLATFORMS[spec.machine];
    this.#folder = folder;
    this.#scripts = scripts;
    this.#options = options;
    this.#registers = new Registers(path.join(folder, "gdb"));
    this.#lines = new Assembler(scripts, options, () => this.#machine!, done);
  }

  async run(recorder: Buffer): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const files = this.#scripts.map((s, i) => ({
      name: `scripts/${String(i).padStart(5, "0")}.ops`,
      data: Buffer.from(s.text),
    }));
    const folders = ["dev", "proc", "sys", "scripts"].map((name) => ({ name }));
    await writeFile(path.join(this.#folder, "initrd"), cpio([...folders, { name: "init", data: recorder }, ...files]));
    const qemu = this.#start();
    try {
      await this.#follow(qemu);
    } finally {
      qemu.kill("SIGKILL");
      this.#memory?.close();
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  #start(): ChildProcess {
    const { program, board, console } = this.#platform;
    const { image, cpu, memoryMiB } = this.#spec;
    const at = (name: string) => path.join(this.#folder, name);
    const words = `console=${console} quiet loglevel=3 norandmaps nokaslr nopti damon_stat.enabled=N`;
    const args = [
      ...["-M", `${board},memory-backend=ram`, "-cpu", cpu, "-smp", "1", "-m", `${memoryMiB}`],
      ...["-object", `memory-backend-file,id=ram,size=${memoryMiB}M,mem-path=${at("ram")},share=on`],
      ...["-nographic", "-no-reboot", "-net", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-chardev", `socket,path=${at("gdb")},server=on,wait=off,id=gdb`, "-gdb", "chardev:gdb"],
      ...["-kernel", image, "-initrd", at("initrd"), "-append", words],
    ];
    return spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Reads the serial port to its end. */
  async #follow(qemu: ChildProcess): Promise<void> {
    let complaint = "";
    qemu.stderr!.on("data", (data: Buffer) => {
      complaint += data;
    });
    const failed = new Promise<never>((_, reject) => {
      qemu.once("error", (error: NodeJS.ErrnoException) => {
        const { program, debianPackage } = this.#platform;
        const missing = new UserError(`${program} is missing; on Debian: apt-get install ${debianPackage}`);
        reject(error.code === "ENOENT" ? missing : error);
      });
    });
    let timer = setTimeout(() => qemu.kill("SIGKILL"), BOOT_MS);
    const stop = () => qemu.kill("SIGKILL");
    this.#options.signal.addEventListener("abort", stop, { once: true });
    const serial = async () => {
      for await (const line of createInterface({ input: qemu.stdout! })) {
        clearTimeout(timer);
        timer = setTimeout(() => qemu.kill("SIGKILL"), SILENCE_MS);
        await this.#serialLine(line);
      }
    };
    try {
      await Promise.race([serial(), failed]);
    } finally {
      clearTimeout(timer);
      this.#options.signal.removeEventListener("abort", stop);
    }
    this.#options.signal.throwIfAborted();
    if (this.#status !== 0 || this.#lines.finished < this.#scripts.length)
      throw new UserError(
        `the guest ended after ${this.#lines.finished} of ${this.#scripts.length} scripts ${complaint}`,
      );
  }

  async #serialLine(line: string): Promise<void> {
    const [, word, rest] = /@@(\w+) ?(.*)/.exec(line) ?? [];
    const numbers = (rest ?? "").split(" ");
    switch (word) {
      case "WINDOW":
        this.#memory = new GuestMemory(path.join(this.#folder, "ram"), this.#platform.memoryBase);
        this.#pageBytes = Number(numbers[0]);
        this.#window = numbers.slice(1).map((frame) => Number.parseInt(frame, 16) * this.#pageBytes);
        return;
      case "SPIN":
        return this.#introduce(Number(numbers[0]), Number(numbers[1]), Number(numbers[2]));
      case "R":
        return this.#takeRecord();
      case "DONE":
        this.#status = Number(numbers[0]);
        return;
      default:
        if (line.trim() !== "") this.#options.log(`guest: ${line.trim()}`);
    }
  }

  /** Finds the tables of a process that spins now, then lets it go on. `frame` is that of its mark page. */
  async #introduce(index: number, spin: number, frame: number): Promise<void> {
    const memory = this.#memory!;
    for (let tries = 0; ; tries++) {
      const { format, root, accessDirty } = this.#platform.decode(await this.#registers.read(this.#platform.registers));
      this.#machine = { arch: format.name, accessDirty };
      if (frameAtOrNone({ memory, format, root }, MARK_VA / this.#pageBytes) === frame) {
        this.#roots.set(index, { memory, format, root });
        break;
      }
      if (tries > 400) throw new Error(`cannot find the page tables of process ${index}`);
      await new Promise((go) => setTimeout(go, 5));
    }
    memory.write32(frame * this.#pageBytes + MARK_GO, spin);
  }

  /** One record, or a part of one: reads the window, adds what the tables hold, and tells the guest to go on. */
  #takeRecord(): void {
    const memory = this.#memory!;
    const head = memory.read(this.#window[0]!, WINDOW.text);
    if (head.readBigUInt64LE(WINDOW.magic) !== WINDOW_MAGIC) throw new Error("the guest's window has moved");
    const text = this.#windowText(head.readUInt32LE(WINDOW.bytes));
    if (checksum(text) !== head.readUInt32LE(WINDOW.sum)) throw new Error("the guest's window was not read as written");
    this.#text.push(text);
    if (head.readUInt32LE(WINDOW.more) === 0) {
      this.#record(Buffer.concat(this.#text).toString());
      this.#text = [];
    }
    memory.write32(this.#window[0]! + WINDOW.taken, head.readUInt32LE(WINDOW.written));
  }

  #windowText(bytes: number): Buffer {
    const pages: Buffer[] = [];
    for (let at = 0; at < WINDOW.text + bytes; at += this.#pageBytes)
      pages.push(this.#memory!.read(this.#window[at / this.#pageBytes]!, this.#pageBytes));
    return Buffer.concat(pages).subarray(WINDOW.text, WINDOW.text + bytes);
  }

  #record(text: string): void {
    if (text.startsWith('{"mmops"')) {
      this.#early = text;
      this.#roots.clear();
      return;
    }
    if (this.#early !== null) this.#lines.line(this.#early);
    this.#early = null;
    if (text.startsWith('{"i"')) this.#lines.line(this.#withEntries(text));
    else this.#lines.line(text);
  }

  #withEntries(text: string): string {
    const record = JSON.parse(text) as OpRecord;
    const pt = record.procs.map(({ p, regions }): PtRow => {
      const root = this.#roots.get(p)!;
      const rows = regions.map(({ r, va, len }) => {
        const entries = readEntries(root, Number.parseInt(va, 16) / this.#pageBytes, len / this.#pageBytes);
        return { r, ...entries };
      });
      return { p, levels: root.format.indexLg2.length, regions: rows };
    });
    return `${text.slice(0, -1)},"pt":${JSON.stringify(pt)}}`;
  }
}

/** While the guest runs something else, the register may point anywhere. */
function frameAtOrNone(root: TableRoot, vpn: number): number {
  try {
    return frameAt(root, vpn);
  } catch {
    return -1;
  }
}

function checksum(text: Buffer): number {
  let sum = 0;
  for (const byte of text) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return sum;
}
