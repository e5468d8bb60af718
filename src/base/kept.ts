/**
 * Values that are made once and kept.
 */

/** What {@link kept} keeps values in: a Map, or a WeakMap for values that stay as long as their keys. */
interface Store<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

/** The value of a key, made the first time. ECMAScript calls it `getOrInsertComputed`, which Node 24 does not have. */
export function kept<K, V>(store: Store<K, V>, key: K, make: () => V): V {
  const found = store.get(key) ?? make();
  store.set(key, found);
  return found;
}
