// Where the pages of notebooks and of their figures are, below the folder in which the site is published.

/** The folder in which the site is published, with a slash at its end. */
export const root = (base: string): string => base.replace(/\/?$/, "/");

/** A notebook's page; `name` is its file name without extension. */
export const notebookAddress = (base: string, name: string): string => `${root(base)}notebooks/${name}/`;

/** The page of a figure that belongs to no notebook; `name` is that of the page. */
export const pageAddress = (base: string, name: string): string => `${root(base)}${name}/`;

/** The page that shows one figure of a notebook and nothing else. */
export const embedAddress = (base: string, name: string, number: number): string =>
  `${root(base)}embed/${name}/figure-${number}/`;
