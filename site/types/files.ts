/**
 * Where the files for types are in the built site.
 */

/** TypeScript as a module with the compiler as its default export, from the site's base. */
export const COMPILER = "types/typescript.js";

/** The type environment, from the site's base. */
export const ENVIRONMENT = "types/environment.json";

/** Types of the names in a page's code, from the page's own address. */
export const HOVERS = "types.json";
