/**
 * The constructor of figures: refuses what could not be read without the picture, or believed without its origin.
 */
import { UserError } from "../base/errors.ts";
import { type Cell, type Column, DISPLAY, type Figure, type FigureData, type FigureSpec, type Row } from "./figure.ts";

/**
 * A checked figure that a notebook can show. Throws {@link UserError} where text is missing (title, caption, alt, better,
 * a column's label or definition), a column of numbers says neither its basis nor that it is a parameter, or a row and the
 * columns do not fit together.
 */
export function figure(spec: FigureSpec): Figure {
  checkFigure(spec);
  // Loaded on first use: a worker that only makes figures must not carry the drawing library.
  const show: Figure[typeof DISPLAY] = async (host) => (await import("./display.ts")).display(made, host);
  const made: Figure = Object.defineProperty({ ...spec } as Figure, DISPLAY, { value: show });
  return made;
}

/** A figure without its drawing function: plain data for JSON or for another thread. */
export function dataOf(figure: FigureData): FigureData {
  const { title, caption, alt, better, columns, rows, compare, compareWithin, origin, live } = figure;
  const optional = Object.entries({ compare, compareWithin, live }).filter(([, value]) => value !== undefined);
  return { title, caption, alt, better, columns, rows, origin, ...Object.fromEntries(optional) };
}

function checkFigure(spec: FigureData): void {
  const fail = (what: string): never => {
    throw new UserError(`figure '${spec.title}': ${what}`);
  };
  for (const key of ["title", "caption", "alt", "better"] as const)
    if (!hasText(spec[key])) fail(`${key} is missing: ${NEEDED[key]}`);
  for (const key of ["columns", "rows"] as const) if (!hasItems(spec[key])) fail(`has no ${key}`);
  spec.columns.forEach((column, i) => {
    checkColumn(column, spec, fail);
    if (spec.columns.findIndex((c) => c.key === column.key) !== i) fail(`two columns have the key '${column.key}'`);
  });
  spec.rows.forEach((row, i) => {
    checkRow(row, `row ${i + 1}`, spec.columns, fail);
  });
  if (spec.compare !== undefined) checkCompare(spec.compare, spec, fail);
  const within = spec.compareWithin;
  if (within !== undefined && !spec.columns.some((c) => c.key === within))
    fail(`no column '${within}' to compare within`);
}

const NEEDED = {
  title: "the name of the figure",
  caption: "what is shown and how it was made",
  alt: "what a sighted reader would learn from the picture, in a sentence or two",
  better: 'what better means, for example "fewer splits"',
} as const;

type Fail = (what: string) => never;

function checkColumn(column: Column, spec: FigureData, fail: Fail): void {
  const { key, basis, role, digits } = column;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) fail(`bad key '${key}': letters, digits and underscores are allowed`);
  if (!hasText(column.label)) fail(`column '${key}' has no label`);
  if (!hasText(column.definition)) fail(`column '${key}' has no definition`);
  if (basis !== undefined && role !== undefined) fail(`column '${key}' has a basis and is a ${role}; only one may be`);
  if (digits !== undefined && !(Number.isInteger(digits) && digits >= 0 && digits <= 9))
    fail(`column '${key}': digits is ${digits}; 0 to 9 are allowed`);
  const cells = spec.rows.map((row) => row[key]);
  const numbers = cells.some((cell) => typeof cell === "number");
  if (numbers && basis === undefined && role !== "parameter")
    fail(`column '${key}' holds numbers: it needs a basis (counted, modelled or measured) or the role "parameter"`);
  if (basis !== undefined && cells.some((cell) => typeof cell === "string" || typeof cell === "boolean"))
    fail(`column '${key}' has the basis ${basis} and may hold only numbers and null`);
}

function checkRow(row: Row, where: string, columns: readonly Column[], fail: Fail): void {
  for (const { key } of columns) {
    const cell: Cell | undefined = row[key];
    if (cell === undefined || !Object.hasOwn(row, key)) fail(`${where} has no '${key}'`);
    if (typeof cell === "number" && !Number.isFinite(cell))
      fail(`${where}: '${key}' is ${cell}; a finite number or null is allowed`);
    if (typeof cell === "bigint" || typeof cell === "object" ? cell !== null : typeof cell === "function")
      fail(`${where}: '${key}' is a ${typeof cell}; text, number, true, false or null is allowed`);
  }
  for (const key of Object.keys(row))
    if (!columns.some((c) => c.key === key)) fail(`${where} has '${key}', which no column defines`);
}

function checkCompare(key: string, spec: FigureData, fail: Fail): void {
  const column = spec.columns.find((c) => c.key === key);
  if (column?.basis === undefined) fail(`compare is '${key}', which is not a column with a basis`);
  if (typeof spec.rows[0]?.[key] !== "number")
    fail(`compare is '${key}', but the first row, the baseline, has no number`);
}

function hasItems(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function hasText(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "";
}
