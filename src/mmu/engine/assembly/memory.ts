/**
 * Memory of one engine: handed out from the front and never given back, since a core's arrays last as long as the engine.
 */

let end: usize = (__heap_base + 63) & ~63;

/** Zeroed memory, aligned to a line. 0 where WebAssembly has no more: the caller says so in words. */
export function take(bytes: usize): usize {
  const at = end;
  const next = (at + bytes + 63) & ~(<usize>63);
  const pages = <i32>((next + 0xffff) >>> 16);
  if (next < at || (pages > memory.size() && memory.grow(pages - memory.size()) < 0)) return 0;
  end = next;
  return at;
}
