/**
 * The free list of one order of the buddy allocator: a stack in an array that grows and gives its room back.
 */
const LEAST_ITEMS = 64;

/** Free blocks of one order, the latest last. An item is stale unless the block's word still says free and that order. */
export class BlockStack {
  items = new Int32Array(LEAST_ITEMS);
  length = 0;

  grow(): void {
    const items = new Int32Array(2 * this.items.length);
    items.set(this.items);
    this.items = items;
  }

  /** An empty stack gives its room back, so that memory in use is not paid for twice. */
  shrink(): void {
    if (this.items.length > LEAST_ITEMS) this.items = new Int32Array(LEAST_ITEMS);
  }

  /** Takes a block out that is no longer free, if it is the latest. Frees in ascending order would leave one in two stale. */
  dropTop(pfn: number): void {
    if (this.length > 0 && this.items[this.length - 1] === pfn) this.length--;
  }
}
