// What pages cite: kernel sources, threads, manuals and papers, from `site/references.json`.

/** One of them. */
export interface Reference {
  readonly id: string;
  readonly kind: Kind;
  /** Who wrote it; nobody in particular for a file that many have changed. */
  readonly author?: string;
  readonly title: string;
  /** The list or repository, and what of it was read: version and file, or section. */
  readonly where: string;
  readonly date?: string;
  readonly url?: string;
}

/** The kinds, each with the heading that it has on the page of all references. */
export const KINDS = {
  source: "Kernel sources",
  thread: "Threads",
  manual: "Manuals and documentation",
  paper: "Papers",
} as const;

/** A kind of source. */
export type Kind = keyof typeof KINDS;

/** All references by id; throws if two have the same or one lacks a field. */
export function readReferences(list: readonly Reference[]): ReadonlyMap<string, Reference> {
  const all = new Map<string, Reference>();
  for (const one of list) {
    if (!/^[a-z0-9-]+$/.test(one.id) || all.has(one.id))
      throw new Error(`references: the id '${one.id}' is taken or wrong`);
    if (!(one.kind in KINDS) || !one.title || !one.where) throw new Error(`references: '${one.id}' lacks a field`);
    all.set(one.id, one);
  }
  return all;
}

/** Author, place and date, around the title. */
export function aroundTitle({ author, where, date }: Reference): { before: string; after: string } {
  return { before: author ? `${author}: ` : "", after: `, ${[where, date].filter(Boolean).join(", ")}` };
}

/** The ids that a page's Markdown cites; samples in fenced code cite nothing. */
export function citedIn(markdown: string): ReadonlySet<string> {
  const text = markdown.replace(/^(`{3,})[\s\S]*?^\1/gm, "");
  return new Set([...text.matchAll(/\]\([^)\s]*references\/#([\w-]+)\)/g)].map((match) => match[1]!));
}
