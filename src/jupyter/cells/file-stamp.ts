/**
 * How an edit of a file is noticed: by a look at it before each cell. Watchers tell some time later, and a cell that is
 * run right after a save has to see what was saved.
 */
import { statSync } from "node:fs";

/** Differs whenever the file was written or replaced; empty while there is none. */
export function fileStamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}

/** Files whose edits matter. */
export interface FileWatch {
  /** Watches a file from now on, as it is now. */
  add(path: string): void;
  /** The files that have changed, come or gone since the last look. */
  changed(): string[];
}

/** A watch without files. */
export function newFileWatch(): FileWatch {
  const stamps = new Map<string, string>();
  return {
    add(path) {
      if (!stamps.has(path)) stamps.set(path, fileStamp(path));
    },
    changed() {
      const found: string[] = [];
      for (const [path, before] of stamps) {
        const stamp = fileStamp(path);
        if (stamp === before) continue;
        stamps.set(path, stamp);
        found.push(path);
      }
      return found;
    },
  };
}
