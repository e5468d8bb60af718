/**
 * The history in a database that outlives the kernel and that several kernels write at once. Losing it loses nothing
 * that anyone has made, so that it never stands in a cell's way.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { dataDir, type Machine } from "../data-dir.ts";
import type { Entry, History } from "./history.ts";

/** Name of the environment variable that holds another file, or `off`. */
export const HISTORY_VARIABLE = "PTLAB_JUPYTER_HISTORY";

/** Stands for a database that is gone with the process. */
export const IN_MEMORY = ":memory:";

/** Where the history is kept: in Jupyter's data folder unless the environment names another file. */
export function historyFile(machine: Machine): string {
  const given = machine.env[HISTORY_VARIABLE];
  if (given === "off") return IN_MEMORY;
  return given || join(dataDir({ user: true }, machine), "ptlab", "history.sqlite");
}

/** Characters that are kept in all; the oldest cells go. */
const MAX_KEPT = 2 ** 24;
/** Characters beyond which a cell is not kept, and a result is not. */
const MAX_TEXT = 2 ** 17;
/** Cells of this kernel between two looks at the size. */
const PRUNE_EVERY = 200;
/** How long to wait for another kernel's write, in milliseconds. */
const BUSY_TIMEOUT = 5000;

const SCHEMA = `
  PRAGMA synchronous = OFF; -- a power cut may take the history, a cell need not wait for the disk
  CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY AUTOINCREMENT);
  CREATE TABLE IF NOT EXISTS cells (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL, output TEXT
  );
  CREATE INDEX IF NOT EXISTS of_session ON cells (session, line);`;

const PRUNE = `DELETE FROM cells WHERE id IN (SELECT id FROM (
  SELECT id, sum(length(code) + coalesce(length(output), 0)) OVER (ORDER BY id DESC) AS kept FROM cells) WHERE kept > ?)`;

const FOUND = "SELECT id, session, line, code, output FROM cells";

/**
 * The history in a file, which is opened when it is first used. A file that is no history is kept aside under another
 * name; where nothing can be written, the history lasts as long as the kernel. Either is told to `warn`.
 */
export function openHistory(file: string, warn: (line: string) => void): History {
  const database = createDatabase(file, warn);
  let session: number | undefined;
  let added = 0;
  const query = (sql: string, ...values: SQLInputValue[]): Entry[] =>
    database.use((db) => db.prepare(sql).all(...values)) as unknown as Entry[];
  const run = (sql: string, ...values: SQLInputValue[]) => database.use((db) => db.prepare(sql).run(...values));
  const present = () => session ?? lastSession(query) + 1;
  return {
    add(line, code) {
      if (code.length > MAX_TEXT) return;
      if (added++ % PRUNE_EVERY === 0) run(PRUNE, MAX_KEPT);
      session ??= Number(run("INSERT INTO sessions DEFAULT VALUES").lastInsertRowid);
      run("INSERT INTO cells (session, line, code) VALUES (?, ?, ?)", session, line, code);
    },
    addOutput(line, output) {
      if (session === undefined || output.length > MAX_TEXT) return;
      run("UPDATE cells SET output = ? WHERE session = ? AND line = ?", output, session, line);
    },
    tail: (n) => query(`SELECT * FROM (${FOUND} ORDER BY id DESC LIMIT ?) ORDER BY id`, n),
    search(pattern, n, unique) {
      const last = unique ? "AND id IN (SELECT max(id) FROM cells GROUP BY code)" : "";
      const hits = `${FOUND} WHERE code GLOB ? ${last} ORDER BY id DESC LIMIT ?`;
      return query(`SELECT * FROM (${hits}) ORDER BY id`, pattern, n);
    },
    range(range) {
      const of = range.session > 0 ? range.session : present() + range.session;
      const lines = query(`${FOUND} WHERE session = ? ORDER BY line`, of);
      const { stop = Number.POSITIVE_INFINITY } = range;
      const start = range.start < 0 ? (lines.at(-1)?.line ?? 0) + 1 + range.start : range.start;
      return lines.filter(({ line }) => line >= start && line < stop);
    },
    close: database.close,
  };
}

function lastSession(query: (sql: string) => unknown[]): number {
  const [row] = query("SELECT coalesce(max(id), 0) AS last FROM sessions") as { last: number }[];
  return row!.last;
}

interface Database {
  /** Does something with the database, and once more with a new one if this one turns out to be broken. */
  use<T>(body: (db: DatabaseSync) => T): T;
  close(): void;
}

function createDatabase(file: string, warn: (line: string) => void): Database {
  let path = file;
  let open: DatabaseSync | undefined;
  let inode: number | undefined;
  const recover = (error: unknown) => {
    open?.close();
    open = undefined;
    path = isBroken(error) && setAside(path, inode) ? path : IN_MEMORY;
    const { message } = error as Error;
    const kept = path === file ? `kept as ${file}.broken` : "the cells of this kernel are not kept";
    warn(`history: ${file}: ${message}; ${kept}`);
  };
  const connected = (): DatabaseSync => {
    if (open !== undefined) return open;
    inode = path === IN_MEMORY ? undefined : createFile(path);
    open = openDatabase(path);
    return open;
  };
  return {
    use(body) {
      try {
        return body(connected());
      } catch (error) {
        recover(error);
        return body(connected());
      }
    },
    close() {
      open?.close();
      open = undefined;
    },
  };
}

/** Makes the file if there is none, and tells which one it is. */
function createFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Cells may hold secrets, and SQLite would make a file that everybody can read.
  const file = openSync(path, "a", 0o600);
  const { ino } = fstatSync(file);
  closeSync(file);
  return ino;
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
  try {
    db.exec(SCHEMA);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB: damage, and another kind of file. */
const BROKEN = [11, 26];

/** Also a database with other tables than ours is none of ours. */
const isBroken = (error: unknown): boolean => {
  const { errcode, message } = error as { errcode?: number; message: string };
  return BROKEN.includes((errcode ?? 0) & 0xff) || /^no such (table|column)|has no column/.test(message);
};

/** Renames the broken file, unless another kernel has done so and the one that is there now is new. */
function setAside(file: string, inode: number | undefined): boolean {
  try {
    if (statSync(file).ino === inode) renameSync(file, `${file}.broken`);
    return true;
  } catch {
    return false;
  }
}
