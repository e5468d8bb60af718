/**
 * The tables of the page "Translation hardware", made from the data that they show.
 */
import { formatSize } from "../../src/base/size.ts";
import type { Core, CoreArray } from "../../src/mmu/cores/core.ts";
import { numbersOf } from "../../src/mmu/cores/core.ts";
import { cores } from "../../src/mmu/cores/cores.ts";
import { type FlushKind, type FlushScope, flushKinds } from "../../src/mmu/flush-kinds.ts";

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

function waysText(entries: number, ways: number): string {
  if (ways === 1) return "direct-mapped";
  return entries === ways ? "full" : `in ${ways} ways`;
}

function arrayText({ entries, ways, for: uses, coalesces }: CoreArray): string {
  const shape = `${entries.value} ${waysText(entries.value, ways.value)}`;
  const use = uses === undefined || uses === "both" ? "" : ` ${uses}`;
  return `${shape}${use}${coalesces ? `, runs of ${coalesces.value}` : ""}`;
}

function walkCacheText({ walkCache }: Core): string {
  const own = walkCache.flatMap((cache, level) =>
    cache && "entries" in cache ? [{ level, n: cache.entries.value }] : [],
  );
  const shares = (level: number) =>
    walkCache.flatMap((c, l) => (c && "sharedWith" in c && c.sharedWith === level ? [l] : []));
  return own.map(({ level, n }) => `${[level, ...shares(level)].join("+")}: ${n}`).join("; ");
}

/** A row for each core. */
export function coreTable(): string {
  const head = ["core", "first TLB level", "second", "walk caches by level", "caches", "numbers assumed"];
  const rows = cores.map((core) => {
    const numbers = numbersOf(core);
    const assumed = numbers.filter(({ source }) => source.startsWith("assumed")).length;
    const levels = core.tlb.map((level) => level.map(arrayText).join("; "));
    const caches = core.caches.map(({ name, bytes }) => `${name} ${formatSize(bytes.value)}`).join(", ");
    return [`\`${core.name}\``, ...levels, walkCacheText(core), caches, `${assumed} of ${numbers.length}`];
  });
  return table(head, rows);
}

function scopeText(scope: FlushScope | null, globals: boolean): string {
  if (scope === null) return "nothing";
  const where = scope.pages === "all" ? "all" : "those of the pages";
  const whose = { told: " of the ASID", current: " of the current ASID", all: "" }[scope.asid];
  return `${where}${whose}${globals ? (scope.global ? ", global ones too" : ", but no global ones") : ""}`;
}

function operands({ takes }: FlushKind): string {
  return takes.length === 0 ? "" : takes.join(", ");
}

/** A row for each kind of invalidation. */
export function flushTable(): string {
  const head = ["invalidation", "is told", "TLB entries that go", "table entries in walk caches that go"];
  const rows = flushKinds.map((kind) => [
    `\`${kind.name}\``,
    operands(kind),
    scopeText(kind.entries, true),
    scopeText(kind.walkCaches, false),
  ]);
  return table(head, rows);
}
