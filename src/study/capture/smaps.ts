/**
 * Reads the text of /proc/PID/smaps: the VMAs with the few amounts that a capture keeps.
 * A VMA's name is looked at once, to tell its kind, and is dropped here.
 *
 * Source: Documentation/filesystems/proc.rst, fs/proc/task_mmu.c of Linux 6.18.
 */
import type { Amount, Amounts, VmaKind } from "./format.ts";
import { AMOUNTS } from "./format.ts";

/** A VMA as smaps shows it; `start` and `end` are page numbers, `swap` is in kB. */
export interface SmapsVma {
  readonly start: number;
  readonly end: number;
  readonly perms: string;
  readonly kind: VmaKind;
  readonly amounts: Amounts;
  readonly swap: number;
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+\s*(.*)$/;
const AMOUNT = /^(\w+):\s+(\d+) kB$/;
/** Addresses from here on belong to the kernel (the vsyscall page), whatever smaps says. */
const KERNEL_HALF = 1n << 63n;

/** The VMAs of the user's half, in address order. `pageLg2` is the base page's. */
export function parseSmaps(text: string, pageLg2: number): SmapsVma[] {
  const out: { vma: Omit<SmapsVma, "amounts" | "swap">; sums: Map<string, number> }[] = [];
  let kernel = false;
  for (const line of text.split("\n")) {
    const head = HEADER.exec(line);
    if (head !== null) {
      kernel = BigInt(`0x${head[1]!}`) >= KERNEL_HALF;
      if (!kernel) out.push({ vma: parseHeader(head, pageLg2), sums: new Map() });
      continue;
    }
    const amount = AMOUNT.exec(line);
    if (amount !== null && !kernel) out.at(-1)?.sums.set(amount[1]!, Number(amount[2]));
  }
  return out.map(({ vma, sums }) => ({ ...vma, amounts: pick(sums), swap: sums.get("Swap") ?? 0 }));
}

function parseHeader(m: RegExpExecArray, pageLg2: number): Omit<SmapsVma, "amounts" | "swap"> {
  return { start: pageOf(m[1]!, pageLg2), end: pageOf(m[2]!, pageLg2), perms: m[3]!, kind: kindOf(m[4]!) };
}

/** Through bigint, because an address may have more than 53 bits. */
function pageOf(hexText: string, pageLg2: number): number {
  return Number(BigInt(`0x${hexText}`) >> BigInt(pageLg2));
}

function pick(sums: ReadonlyMap<string, number>): Amounts {
  return Object.fromEntries(AMOUNTS.map((a): [Amount, number] => [a, sums.get(a) ?? 0])) as Amounts;
}

/** What a VMA is, by the name that /proc shows for it. */
export function kindOf(name: string): VmaKind {
  if (name === "") return "anon";
  if (name.startsWith("[heap")) return "heap";
  if (name.startsWith("[stack")) return "stack";
  if (name.startsWith("[anon_shmem:")) return "shmem";
  if (name.startsWith("[anon:")) return "anon";
  if (name.startsWith("[") || name.startsWith("anon_inode:")) return "special";
  return /^\/(dev\/zero|dev\/shm\/|memfd:|SYSV)/.test(name) ? "shmem" : "file";
}

/** kB of page tables (`VmPTE`) in the text of /proc/PID/status; undefined where the process has no memory. */
export function parseVmPte(status: string): number | undefined {
  const m = /^VmPTE:\s+(\d+) kB$/m.exec(status);
  return m === null ? undefined : Number(m[1]);
}
