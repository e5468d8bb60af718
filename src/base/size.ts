/**
 * Byte sizes and addresses as people write them: parsing and formatting, nothing else.
 */
import { UserError } from "./errors.ts";

/** Bytes in a kibibyte. */
export const KiB = 2 ** 10;
/** Bytes in a mebibyte. */
export const MiB = 2 ** 20;
/** Bytes in a gibibyte. */
export const GiB = 2 ** 30;
/** Bytes in a tebibyte. */
export const TiB = 2 ** 40;

const SUFFIX: Readonly<Record<string, number>> = {
  "": 1,
  K: KiB,
  k: KiB,
  M: MiB,
  m: MiB,
  G: GiB,
  g: GiB,
};

/**
 * A byte count such as `4K`, `2M`, `0x1000` or `65536`; K, M and G are powers of 1024.
 * Throws {@link UserError} on anything else. The grammar is that of the op scripts.
 */
export function parseSize(text: string): number {
  const m = /^(0[xX][0-9a-fA-F]+|\d+)([KkMmGg]?)$/.exec(text);
  if (!m) throw new UserError(`bad size '${text}': a number with an optional K, M or G is allowed`);
  const bytes = Number(m[1]) * SUFFIX[m[2]!]!;
  if (!Number.isSafeInteger(bytes)) throw new UserError(`bad size '${text}': at most 2^53 bytes are allowed`);
  return bytes;
}

/** A byte count in the largest binary unit that divides it: `formatSize(65536)` is `64K`. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ["T", TiB],
    ["G", GiB],
    ["M", MiB],
    ["K", KiB],
  ] as const)
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  return `${bytes}`;
}

/** A byte count in MiB with one digit after the point: `12.5 MiB`. */
export const formatMib = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;

/** An address or a raw entry in hexadecimal with `0x`. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
