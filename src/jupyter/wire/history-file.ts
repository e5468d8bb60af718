/**
 * The history in a database that outlives the kernel and that several kernels write at once. Losing it loses nothing
 * that anyone has made, so that it never stands in a cell's way.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { dataDir, type Machine } from "../install/data-dir.ts";
import type { Entry, History } from "./history.ts";

/** Name of the environment variable that holds another file, or `off`. */
export const HISTORY_VARIABLE = "PTLAB_JUPYTER_HISTORY";

/** Stands for a database that is gone with the process. */
const IN_MEMORY = ":memory:";

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
/** How long to wait for another kernel's write, in milliseconds; the heartbeat and interrupts wait as long. */
const BUSY_TIMEOUT = 200;

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
 * name; where nothing can be written, the history lasts as long as the kernel; a cell that cannot be written because
 * somebody else holds the file is not kept. Each is told to `warn`.
 */
export function openHistory(file: string, warn: (line: string) => void): History {
  const database = createDatabase(file, warn);
  let added = 0;
  const query = (sql: string, ...values: SQLInputValue[]): Entry[] =>
    database.use(({ db }) => db.prepare(sql).all(...values)) as unknown as Entry[];
  const write = (body: (open: Open) => void): void => {
    try {
      database.use(body);
    } catch (error) {
      warn(`history: ${file}: ${(error as Error).message}; this cell is not kept`);
    }
  };
  return {
    add(line, code) {
      if (code.length > MAX_TEXT) return;
      const isTime = added++ % PRUNE_EVERY === 0;
      write((open) => {
        if (isTime) open.db.prepare(PRUNE).run(MAX_KEPT);
        open.session ??= Number(open.db.prepare("INSERT INTO sessions DEFAULT VALUES").run().lastInsertRowid);
        open.db.prepare("INSERT INTO cells (session, line, code) VALUES (?, ?, ?)").run(open.session, line, code);
      });
    },
    addOutput(line, output) {
      if (output.length > MAX_TEXT) return;
      const update = "UPDATE cells SET output = ? WHERE session = ? AND line = ?";
      write(({ db, session }) => session !== undefined && db.prepare(update).run(output, session, line));
    },
    tail: (n) => query(`SELECT * FROM (${FOUND} ORDER BY id DESC LIMIT ?) ORDER BY id`, n),
    search(pattern, n, unique) {
      const last = unique ? "AND id IN (SELECT max(id) FROM cells GROUP BY code)" : "";
      const hits = `${FOUND} WHERE code GLOB ? ${last} ORDER BY id DESC LIMIT ?`;
      return query(`SELECT * FROM (${hits}) ORDER BY id`, pattern, n);
    },
    range(range) {
      const of = range.session > 0 ? range.session : database.use(presentSession) + range.session;
      const lines = query(`${FOUND} WHERE session = ? ORDER BY line`, of);
      const { stop = Number.POSITIVE_INFINITY } = range;
      const start = range.start < 0 ? (lines.at(-1)?.line ?? 0) + 1 + range.start : range.start;
      return lines.filter(({ line }) => line >= start && line < stop);
    },
    close: database.close,
  };
}

/** The number of this kernel, or the one that it will have. */
function presentSession({ db, session }: Open): number {
  if (session !== undefined) return session;
  const row = db.prepare("SELECT coalesce(max(id), 0) AS last FROM sessions").get() as { last: number };
  return row.last + 1;
}

/** A database in use. */
interface Open {
  readonly db: DatabaseSync;
  /** This kernel's number in this very file; none before its first cell. */
  session: number | undefined;
}

interface Database {
  /** Does something with the database; with a new one or one in memory if this one fails. Throws if it is locked. */
  use<T>(body: (open: Open) => T): T;
  close(): void;
}

function createDatabase(file: string, warn: (line: string) => void): Database {
  let path = file;
  let open: Open | undefined;
  let inode: number | undefined;
  const close = () => {
    open?.db.close();
    open = undefined;
  };
  const recover = (error: unknown, mayRenew: boolean) => {
    close();
    const aside = mayRenew && isBroken(error) ? setAside(path, inode) : undefined;
    if (aside === undefined) path = IN_MEMORY;
    warn(`history: ${file}: ${(error as Error).message}; ${aside ?? "the cells of this kernel are not kept"}`);
  };
  const connected = (): Open => {
    if (open !== undefined) return open;
    inode = path === IN_MEMORY ? undefined : createFile(path);
    open = { db: openDatabase(path), session: undefined };
    return open;
  };
  const use = <T>(body: (open: Open) => T, mayRenew = true): T => {
    try {
      return body(connected());
    } catch (error) {
      if (isBusy(error) || path === IN_MEMORY) throw error;
      recover(error, mayRenew);
      return use(body, false);
    }
  };
  return { use, close };
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
/** SQLITE_BUSY. */
const BUSY = 5;

/** What went wrong, without the details that SQLite adds in the higher bits. */
const codeOf = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff;

const isBusy = (error: unknown): boolean => codeOf(error) === BUSY;

/** Also a database with other tables than ours is none of ours. */
const isBroken = (error: unknown): boolean =>
  BROKEN.includes(codeOf(error)) || /^no such (table|column)|has no column/.test((error as Error).message);

/** Renames the broken file, unless another kernel has done so and the one that is there now is new; says where it is. */
function setAside(file: string, inode: number | undefined): string | undefined {
  try {
    if (statSync(file).ino !== inode) return "another kernel has kept it aside";
    const aside = freeName(`${file}.broken`);
    renameSync(file, aside);
    return `kept as ${aside}`;
  } catch {
    return undefined;
  }
}

function freeName(name: string, number = 2): string {
  if (!existsSync(name)) return name;
  const numbered = `${name}-${number}`;
  return existsSync(numbered) ? freeName(name, number + 1) : numbered;
}
