/**
 * What a value that came from outside is: for readers of files, which may hold anything.
 */

/** An object whose members have not been looked at. */
export type Raw = Readonly<Record<string, unknown>>;

/** True for what JSON calls an object. */
export const isObject = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** True for text, also of no characters. */
export const isText = (value: unknown): value is string => typeof value === "string";

/** True for a list of which every item passes. */
export const isListOf = (value: unknown, isGood: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isGood);
