/**
 * The prose of pages: words, references to figures, sources, equations, notes.
 */
import { readFile } from "node:fs/promises";
import { markdownToHtml } from "satteri";
import { describe, expect, test } from "vitest";
import { readBook } from "../../site/prose/book.ts";
import { blockEquations } from "../../site/prose/math.ts";
import { type Book, PageProse } from "../../site/prose/page.ts";
import { placeOf } from "../../site/prose/places.ts";
import { citedIn, readReferences } from "../../site/prose/references.ts";
import { parseGlossary, termFinder } from "../../site/prose/terms.ts";
import { parseHtml, toHtml } from "../../site/prose/tree.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { sanitizeHtml } from "../../src/notebook/render/sanitize.ts";

const GLOSSARY = `
- **folio**: A run of frames, a power of two in number,
  allocated as one.
- **VPN, PFN**: Virtual page number, physical frame number.
- *run*: Neighbouring \`slots\`.
- **entry**: One translation.
- **contpte unfold**: A block becomes single entries.
`;

const contpte = { id: "contpte-c", kind: "source", title: "contpte.c", where: "Linux 6.18" } as const;

const book: Book = {
  base: "/lab/",
  terms: parseGlossary(GLOSSARY),
  references: readReferences([contpte]),
  labels: new Map([["notebooks/a", new Map([["fig-reach", { number: 4, title: "Reach of a TLB" }]])]]),
};

/** A page of these pieces: what they become, and what comes after them. */
function page(name: string, ...pieces: readonly string[]) {
  const prose = new PageProse(book, name);
  const html = pieces.map((piece) => {
    const tree = parseHtml(piece);
    prose.apply(tree);
    return toHtml(...tree.children);
  });
  return { html, end: toHtml(...prose.end()) };
}

const marked = (html: string): string[] =>
  [...html.matchAll(/class="ptlab-term"[^>]*>([^<]*)</g)].map((match) => match[1]!);

describe("words of the glossary", () => {
  test("are read with their definitions as plain text", () => {
    expect(book.terms.map(({ id, names, marked }) => [id, names, marked])).toEqual([
      ["term-folio", ["folio"], true],
      ["term-vpn", ["VPN", "PFN"], true],
      ["term-run", ["run"], false],
      ["term-entry", ["entry"], true],
      ["term-contpte-unfold", ["contpte unfold"], true],
    ]);
    expect(book.terms[0]!.definition).toBe("A run of frames, a power of two in number, allocated as one.");
    expect(book.terms[2]!.definition).toBe("Neighbouring slots.");
  });

  test.each([
    ["Folios and entries", ["Folios", "entries"]],
    ["a contpte\nunfold of PFNs", ["contpte\nunfold", "PFNs"]],
    ["a pfn, a folio-like thing, portfolio, a run", []],
  ])("in %j are %j", (text, words) => {
    expect(termFinder(book.terms)(text).map(({ start, end }) => text.slice(start, end))).toEqual(words);
  });

  test("are marked once in a section, over the cells of a page", () => {
    const { html } = page("x", "<p>A folio, a folio.</p>", "<p>A folio.</p><h2>Folio</h2><p>A folio.</p>");
    expect(html.map(marked)).toEqual([["folio"], ["folio"]]);
    expect(html[1]).toContain('<h2>Folio</h2><p>A <a href="/lab/glossary/#term-folio"');
  });

  test("are left alone in code, links, headings and table headings", () => {
    const text = "<pre><code>folio</code></pre><p><code>folio</code> <a href='/y/'>folio</a></p><h3>folio</h3>";
    expect(marked(page("x", `${text}<table><tr><th>folio</th></tr></table>`).html[0]!)).toEqual([]);
  });

  test("have their definition in the page once, hidden until it is asked for", () => {
    const { end } = page("x", "<p>A folio.</p><h2>B</h2><p>Folios.</p>");
    expect(end.match(/<p id="tip-term-folio" hidden/g)).toHaveLength(1);
    expect(end).toContain("<strong>folio</strong> A run of frames");
  });

  test("have anchors in the glossary, which marks none of them", () => {
    const { html } = page("glossary", "<ul><li><strong>VPN, PFN</strong>: a folio</li></ul>");
    expect(html[0]).toBe('<ul><li id="term-vpn"><strong>VPN, PFN</strong>: a folio</li></ul>');
  });
});

describe("a reference to a figure", () => {
  test.each([
    ["notebooks/a", "#fig-reach", "the reach", "the reach (Figure 4)"],
    ["notebooks/a", "#fig-reach", "", "Figure 4"],
    ["notebooks/b", "../a/#fig-reach", "Figure", "Figure 4"],
    ["start", "/notebooks/a/#fig-reach", "the reach", "the reach (Figure 4)"],
    ["", "./notebooks/a/#fig-reach", "the reach", "the reach (Figure 4)"],
  ])("on page '%s' to %s with the text '%s' is '%s'", (from, href, text, expected) => {
    const { html, end } = page(from, `<p><a href="${href}">${text}</a></p>`);
    const to = from === "notebooks/a" ? "#fig-reach" : "/lab/notebooks/a/#fig-reach";
    expect(html[0]).toMatch(new RegExp(`<a href="${to}" class="ptlab-ref" data-tip="[^"]+">`));
    expect(html[0]!.replace(/<[^>]*>/g, "")).toBe(expected);
    expect(end).toContain("<strong>Figure 4</strong> Reach of a TLB");
  });

  test("that there is not names the page and the figure", () => {
    expect(() => page("start", '<a href="../notebooks/a/#fig-rech">x</a>')).toThrow(
      "page 'start': no figure 'fig-rech' on the page 'notebooks/a'",
    );
  });
});

describe("a citation", () => {
  const cite = '<a href="../../references/#contpte-c">folds</a>';

  test("has one number on a page, and its source in the list at the end", () => {
    const { html, end } = page("notebooks/a", `<p>${cite}</p>`, `<p>${cite}</p>`);
    const link =
      '<p><a href="#source-contpte-c" class="ptlab-cite" data-tip="source-contpte-c">folds<sup>[1]</sup></a></p>';
    expect(html).toEqual([link, link]);
    expect(end).toContain('<li id="source-contpte-c"><cite>contpte.c</cite>, Linux 6.18.');
    expect(end.match(/<li/g)).toHaveLength(1);
  });

  test("of an unknown source names the page and the id", () => {
    expect(() => page("start", '<a href="../references/#nobody">x</a>')).toThrow(
      "page 'start': no source 'nobody' in site/references.json",
    );
  });

  test("in a sample of code is none", () => {
    expect([...citedIn("[a](../references/#one)\n```md\n[b](../references/#two)\n```\n")]).toEqual(["one"]);
  });

  test("has an id of its own and all fields", () => {
    expect(() => readReferences([contpte, contpte])).toThrow("'contpte-c' is taken");
    expect(() => readReferences([{ ...contpte, where: "" }])).toThrow("'contpte-c' lacks a field");
  });
});

describe("notes", () => {
  const cell = (text: string) =>
    `<p>A<sup><a href="#user-content-fn-1" id="user-content-fnref-1" data-footnote-ref>1</a></sup></p>` +
    `<section class="footnotes"><h2 id="footnote-label">Footnotes</h2><ol><li id="user-content-fn-1"><p>${text} ` +
    `<a href="#user-content-fnref-1" data-footnote-backref="">↩</a></p></li></ol></section>`;

  test("of two cells that are both called 1 are notes 1 and 2 of the page", () => {
    const { html, end } = page("x", cell("one"), cell("two"));
    expect(html).toEqual(
      [1, 2].map(
        (n) =>
          `<p>A<sup><a href="#note-${n}" id="note-${n}-from-1" class="ptlab-note" data-tip="note-${n}">${n}</a></sup></p>`,
      ),
    );
    expect(end.match(/<h2/g)).toHaveLength(1);
    expect(end.replace(/<[^>]*>/g, "").replace(/\s+/g, " ")).toBe("Notesone ↩two ↩");
    for (const id of ["note-1-from-1", "note-2-from-1"]) expect(end).toContain(`href="#${id}"`);
  });

  test("may use words and sources", () => {
    const { end } = page("x", cell('a folio, <a href="/references/#contpte-c">folds</a>'));
    expect(marked(end)).toEqual(["folio"]);
    expect(end).toContain("folds<sup>[1]</sup>");
  });
});

describe("an equation", () => {
  /** As a cell of a notebook comes onto its page. */
  const cell = (text: string): string => {
    const { html } = markdownToHtml(text, { features: { math: true }, hastPlugins: [blockEquations] }) as {
      html: string;
    };
    return page("x", sanitizeHtml(html)).html[0]!.trim();
  };

  test("becomes MathML, in a line and as a block", () => {
    expect(cell("So $a^2$.")).toBe("<p>So <math><msup><mi>a</mi><mn>2</mn></msup></math>.</p>");
    expect(cell("$$\na\n$$")).toMatch(
      /<div class="ptlab-equation"><math display="block"[^>]*><mi>a<\/mi><\/math><\/div>/,
    );
  });

  test.each(["`$PATH` and `$HOME`", "```sh\necho $A $B\n```", "\\$5 and \\$6", "costs $5 now"])(
    "is not in %j",
    (text) => {
      expect(cell(text)).not.toContain("<math");
    },
  );

  test("that is not understood names the page and the equation", () => {
    expect(() => cell("$\\frac{1}$")).toThrow("page 'x': the equation '\\frac{1}' is not understood");
  });

  test.each([
    "\\href{javascript:alert(1)}{x}",
    "\\includegraphics{https://a.b/c.png}",
    "\\style{background:url(//a)}{x}",
  ])("cannot link or load anything: %s", (tex) => {
    const html = (() => {
      try {
        return cell(`$${tex}$`);
      } catch (error) {
        return String(error).includes("is not understood") ? "" : String(error);
      }
    })();
    expect(html).not.toMatch(/href=|src=|url\(|Error/);
  });
});

describe("a link", () => {
  test.each([
    ["../b/#x", "notebooks/a", { page: "notebooks/b", anchor: "x" }],
    ["/notebooks/b/", "start", { page: "notebooks/b", anchor: "" }],
    ["/lab/notebooks/b/", "start", { page: "notebooks/b", anchor: "" }],
    ["#x", "", { page: "", anchor: "x" }],
    ["https://other.host/references/#x", "start", undefined],
    ["mailto:a@b", "start", undefined],
  ])("to %s on '%s' leads to %j", (href, from, place) => {
    expect(placeOf(href, from, "/lab/")).toEqual(place);
  });
});

describe("the project's own book", () => {
  test("has a figure for each anchor, and each source that is cited", async () => {
    const { labels, sources, references } = await readBook(PROJECT_ROOT, "/");
    expect([...labels.get("notebooks/010-walk-cost")!.keys()]).toEqual([
      "fig-walk-cost",
      "fig-walk-cost-2",
      "fig-folio-order",
      "fig-tlb-reach",
      "fig-tlb-reach-2",
    ]);
    const cited = new Set(sources.flatMap(({ cites }) => [...cites]));
    expect([...cited].filter((id) => !references.has(id))).toEqual([]);
  });

  test("reads every word of the glossary's page", async () => {
    const markdown = await readFile(`${PROJECT_ROOT}/site/content/docs/glossary.md`, "utf8");
    expect(parseGlossary(markdown)).toHaveLength(markdown.match(/^- /gm)!.length);
  });
});
