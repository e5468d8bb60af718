/**
 * A value as text: as Node prints it, but for bigints, which are addresses and raw entries here and are read in hexadecimal,
 * and for errors, which come without the frames of the kernel.
 */
import { type InspectOptions, inspect } from "node:util";
import { hex } from "../../base/size.ts";
import { isKernelFrame } from "../session/trace.ts";

/** The text of any value; a bigint of its own also in decimal, because it may be a count. */
export function valueText(value: unknown): string {
  if (typeof value === "bigint") return isSmall(value) ? `${value}n` : `${bigintText(value)}n (${value})`;
  const text = inspected(value);
  return value instanceof Error ? withoutKernel(text) : text;
}

/** A bigint in hexadecimal, where that differs from decimal. */
export const bigintText = (value: bigint): string =>
  value < 0n ? `-${hex(-value)}` : isSmall(value) ? String(value) : hex(value);

const isSmall = (value: bigint): boolean => value >= 0n && value < 10n;

/** What Node prints of a value, its bigints in hexadecimal. */
export const inspected = (value: unknown, options: InspectOptions = {}): string =>
  inspect(hasBigint(value, LEVELS) ? inHex(value, LEVELS) : value, options);

/** As deep as Node prints, which shows what lies below as `[Object]`. */
const LEVELS = 3;
/** Items of a list that Node prints. */
const ITEMS = 100;

/** Only what cells make themselves is looked into: reading a foreign object's properties may run its code. */
function parts(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.slice(0, ITEMS);
  if (value instanceof Map) return [...value].slice(0, ITEMS).flat();
  if (value instanceof Set) return [...value].slice(0, ITEMS);
  return isPlain(value) ? Object.values(value) : [];
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(Object.getOwnPropertyDescriptors(value)).every(({ get }) => get === undefined);
}

const isWords = (value: unknown): value is BigUint64Array | BigInt64Array =>
  value instanceof BigUint64Array || value instanceof BigInt64Array;

function hasBigint(value: unknown, levels: number): boolean {
  if (typeof value === "bigint" || isWords(value)) return true;
  return levels > 0 && parts(value).some((part) => hasBigint(part, levels - 1));
}

/** A copy in which something that prints itself in hexadecimal stands for each bigint; `above` are the copies around it. */
function inHex(value: unknown, levels: number, above = new Map<unknown, object>()): unknown {
  if (typeof value === "bigint") return { [inspect.custom]: () => `${bigintText(value)}n` };
  if (isWords(value)) return words(value);
  if (above.has(value)) return above.get(value);
  const into = levels === 0 ? undefined : emptyOf(value);
  if (into === undefined) return value;
  above.set(value, into);
  fill(into, value, (part) => inHex(part, levels - 1, above));
  above.delete(value);
  return into;
}

function emptyOf(value: unknown): object | undefined {
  if (Array.isArray(value)) return value.slice(0, 0);
  if (value instanceof Map) return new Map();
  if (value instanceof Set) return new Set();
  return isPlain(value) ? {} : undefined;
}

/** Puts copies into what is empty; of a long list only of the items that are printed. */
function fill(into: object, value: unknown, copy: (part: unknown) => unknown): void {
  const copyOf = (part: unknown, i: number) => (i < ITEMS ? copy(part) : part);
  if (Array.isArray(into)) fillArray(into, value as readonly unknown[], copy);
  else if (into instanceof Map)
    [...(value as typeof into)].forEach(([key, item], i) => void into.set(copyOf(key, i), copyOf(item, i)));
  else if (into instanceof Set) [...(value as typeof into)].forEach((item, i) => void into.add(copyOf(item, i)));
  else for (const [key, item] of Object.entries(value as object)) define(into, key, copy(item));
}

function fillArray(into: unknown[], value: readonly unknown[], copy: (part: unknown) => unknown): void {
  const first = value.slice(0, ITEMS);
  // Neighbouring holes are printed as one item, so that more than the first items may be.
  const isDense = Object.keys(first).length === first.length;
  (isDense ? first : value).forEach((item, i) => {
    into[i] = copy(item);
  });
  into.length = value.length;
}

/** By assignment the key `__proto__` would be none. */
const define = (into: object, key: string, value: unknown): unknown =>
  Object.defineProperty(into, key, { value, enumerable: true });

function words(value: BigUint64Array | BigInt64Array): unknown {
  const shown = Array.from(value.subarray(0, ITEMS), (word) => `${bigintText(word)}n`);
  const more = value.length - shown.length;
  const rest = more > 0 ? [`... ${more} more items`] : [];
  const text = `${value.constructor.name}(${value.length}) [ ${[...shown, ...rest].join(", ")} ]`;
  return { [inspect.custom]: () => text };
}

const withoutKernel = (stack: string): string =>
  stack
    .split("\n")
    .filter((line) => !isKernelFrame(line))
    .join("\n");
