/**
 * How an edit of a file is noticed: by a look at it before each cell. Watchers tell some time later, and a cell that is
 * run right after a save has to see what was saved.
 */

/** Files whose edits matter. */
export interface FileWatch {
  /** Watches a file from now on, as it is now. */
  add(path: string): void;
  /** The files that have changed, come or gone since the last look. */
  changed(): string[];
}

/** A watch without files. `stampOf` differs whenever a file was written. */
export function newFileWatch(stampOf: (path: string) => string): FileWatch {
  const stamps = new Map<string, string>();
  return {
    add(path) {
      if (!stamps.has(path)) stamps.set(path, stampOf(path));
    },
    changed() {
      const found: string[] = [];
      for (const [path, before] of stamps) {
        const stamp = stampOf(path);
        if (stamp === before) continue;
        stamps.set(path, stamp);
        found.push(path);
      }
      return found;
    },
  };
}
