// Where the pages of notebooks and of their figures are. `base` is the folder in which the site is published, with a slash at its
// end, as the settings of the build give it.

/** A notebook's page; `name` is its file name without extension. */
export const notebookAddress = (base: string, name: string): string => `${base}notebooks/${name}/`;

/** The page of a figure that belongs to no notebook; `name` is that of the page. */
export const pageAddress = (base: string, name: string): string => `${base}${name}/`;

/** The page that shows one figure of a notebook and nothing else. */
export const embedAddress = (base: string, name: string, number: number): string =>
  `${base}embed/${name}/figure-${number}/`;
