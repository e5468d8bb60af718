import { Window } from "happy-dom";
import { describe, expect, test } from "vitest";
import { display } from "../../src/figure/display.ts";
import { FIGURE_MIME } from "../../src/figure/figure.ts";
import { defineLive } from "../../src/figure/live.ts";
import type { MimeBundle, NbOutput, Notebook } from "../../src/notebook/format.ts";
import { type RenderEffects, renderPage } from "../../src/notebook/render/page.ts";
import { sanitizeHtml, sanitizeSvg } from "../../src/notebook/render/sanitize.ts";
import { groupedBars, powers, testHost } from "../figure/samples.ts";
import { code, notebook, prose } from "./builders.ts";

const choice = defineLive({
  ...powers,
  id: "choices",
  inputs: [],
  params: {
    ...powers.params,
    arch: { kind: "choice", label: 'Arch "<b>"', options: ["a", "b", "c", "d", "e"], default: "c" },
  },
  run: () => {
    throw new Error("a page must not run anything");
  },
});

/** Stands for the site's Markdown: paragraphs and headings, and raw HTML let through. */
const effects: RenderEffects = {
  address: "/base/notebooks/x/",
  embed: (number) => `/base/embed/x/figure-${number}/`,
  live: (id) => [choice].find((live) => live.id === id),
  async markdown(text) {
    const fence = /^(`{3,})ts\n([\s\S]*)\n\1\n$/.exec(text);
    if (fence) {
      const shown = fence[2]!.replaceAll("<", "&lt;");
      return { html: `<link rel="stylesheet" href="/ec.css"><pre>${shown}</pre>`, headings: [] };
    }
    const headings = [...text.matchAll(/^(#+) (.*)$/gm)].map((m) => ({
      depth: m[1]!.length,
      slug: m[2]!,
      text: m[2]!,
    }));
    return {
      html: text.replace(/^(#+) (.*)$/gm, (_, h, t) => `<h${h.length} id="${t}">${t}</h${h.length}>`),
      headings,
    };
  },
};

const shown = (data: MimeBundle): NbOutput => ({ output_type: "display_data", data, metadata: {} });
const stored = (value: unknown): MimeBundle => JSON.parse(JSON.stringify(value));
const page = (...cells: Notebook["cells"]) => renderPage("x", notebook(...cells), effects);
const showing = (...bundles: MimeBundle[]) => page(code("f()", { outputs: bundles.map(shown) }));

const figure = stored(display(groupedBars(), testHost()));
const live = stored(
  display({ ...groupedBars(), live: { id: "choices", params: { base: 3 }, inputs: {} } }, testHost()),
);

/** Fields of a stored figure without which it is none. */
const STRUCTURE = new Set(["key", "basis", "role", "compare", "compareWithin"]);

/** What a browser would run or fetch from elsewhere, found by parsing as a browser does. */
function dangers(html: string): string[] {
  const document = new Window().document;
  document.body.innerHTML = html;
  const found: string[] = [];
  for (const element of document.querySelectorAll("*")) {
    const tag = element.tagName.toLowerCase();
    if (["script", "iframe", "object", "embed", "style", "link", "base", "meta", "form", "foreignobject"].includes(tag))
      found.push(tag);
    for (const { name, value } of element.attributes as unknown as { name: string; value: string }[])
      if (/^on/i.test(name) || /javascript:/i.test(value) || (name === "src" && !value.startsWith("data:image/")))
        found.push(`${tag} ${name}=${value}`);
  }
  return found;
}

describe("nothing in an output can run or reach another host", () => {
  const attacks = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img src="https://elsewhere.example/p.png">',
    '<a href="java\nscript:alert(1)">x</a>',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg onload=alert(1)><script>alert(1)</script><g/></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    '<svg><use href="https://elsewhere.example/a.svg#x"/></svg>',
    '<svg><rect fill="url(https://elsewhere.example/x)" style="background:url(//elsewhere.example)"/></svg>',
    "<svg><foreignObject><iframe src=//elsewhere.example></iframe></foreignObject></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s></svg>",
    "<svg><desc><img src=x onerror=alert(1)></desc></svg>",
    '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<style>body{background:url(//elsewhere.example)}</style>",
    '<form action="//elsewhere.example"><button formaction="javascript:alert(1)">x</button></form>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<p style="position:fixed;inset:0;background:url(https://elsewhere.example)">x</p>',
    '<base href="https://elsewhere.example/"><link rel=stylesheet href=//elsewhere.example/x.css><meta http-equiv=refresh content=0>',
  ];

  test.each(attacks)("as HTML: %s", async (attack) => {
    const { html } = await showing({ "text/html": attack });
    expect(dangers(html.replace(/<link rel="stylesheet" href="\/ec.css">/, ""))).toEqual([]);
    expect(html).not.toMatch(/elsewhere\.example|position:\s*fixed/);
  });

  test.each(attacks)("as SVG: %s", (attack) => {
    const svg = sanitizeSvg(attack.startsWith("<svg") ? attack : `<svg>${attack}</svg>`);
    expect(dangers(svg)).toEqual([]);
    expect(svg).not.toContain("elsewhere.example");
  });

  test.each(attacks)("in a text cell: %s", async (attack) => {
    const { html } = await page(prose(`text ${attack}`));
    expect(dangers(html)).toEqual([]);
  });

  test("as plain text, a stream, an error, or a picture that is none", async () => {
    const script = "<script>alert(1)</script>";
    const outputs: NbOutput[] = [
      shown({ "text/plain": script }),
      shown({ "text/latex": script }),
      shown({ "image/png": `"><script>alert(1)</script>` }),
      shown({ "application/json": { a: script } }),
      shown({ "application/javascript": "alert(1)" }),
      { output_type: "stream", name: "stderr", text: script },
      { output_type: "error", ename: script, evalue: script, traceback: [script] },
    ];
    const { html } = await page(code("x", { outputs }));
    expect(dangers(html.replace(/<link[^>]*>/, ""))).toEqual([]);
  });

  test("as a figure whose every text is an attack", async () => {
    const attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
    const poison = (value: unknown): unknown =>
      typeof value === "string"
        ? attack
        : Array.isArray(value)
          ? value.map(poison)
          : value && typeof value === "object"
            ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, STRUCTURE.has(k) ? v : poison(v)]))
            : value;
    const bundle = poison(live) as MimeBundle;
    const { html } = await showing(bundle);
    expect(html).toContain("<figcaption>");
    expect(dangers(html.replace(/<link[^>]*>/, ""))).toEqual([]);
  });
});

describe("a sanitised picture", () => {
  test("of ours keeps everything that is seen or read aloud", () => {
    const svg = figure["image/svg+xml"] as string;
    const clean = sanitizeSvg(svg);
    const count = (text: string, tag: string) => text.split(`<${tag}`).length;
    for (const tag of ["path", "rect", "text", "pattern", "title", "desc"])
      expect(count(clean, tag)).toBe(count(svg, tag));
    for (const attribute of ["viewBox", "aria-labelledby", 'role="img"', "url(#"]) expect(clean).toContain(attribute);
  });

  test("of nothing is nothing", () => {
    expect(sanitizeSvg("hello")).toBe("");
  });
});

test("text keeps tables, emphasis, links and highlighted code", () => {
  const html =
    '<table><tbody><tr><td>1</td></tr></tbody></table><em>e</em><a href="https://kernel.org/">k</a><span style="--0:#fff;--1:#000">c</span>';
  expect(sanitizeHtml(html)).toBe(html);
});

describe("a page", () => {
  test("takes its title from the first heading and does not repeat it", async () => {
    const { title, html, description } = await page(prose("# The *cost* of `x`\n\nOne [walk](y) costs.\n\nMore."));
    expect(title).toBe("The cost of x");
    expect(html).not.toContain("<h1");
    expect(description).toBe("One walk costs.");
  });

  test("without a heading is called by its file", async () => {
    expect((await page(prose("# Why _hide_ ptep_get?"))).title).toBe("Why hide ptep_get?");
    expect((await page(prose("text"))).title).toBe("x");
  });

  test("lists its headings, and two alike have ids of their own", async () => {
    const { headings, html } = await page(prose("## a"), prose("## a"), prose("### b"));
    expect(headings).toEqual([
      { depth: 2, slug: "a", text: "a" },
      { depth: 2, slug: "a-1", text: "a" },
      { depth: 3, slug: "b", text: "b" },
    ]);
    expect(html).toContain('<h2 id="a-1">');
  });

  test("links the highlighter's style once, however many cells it has", async () => {
    const { html } = await page(code("a"), code("b"), code("c"));
    expect(html.match(/ec\.css/g)).toHaveLength(1);
  });

  test("folds long code and code that Jupyter hides", async () => {
    const long = Array(30).fill("x();").join("\n");
    expect((await page(code(long))).html).toContain("<summary>Code, 30 lines</summary>");
    expect((await page(code("x", { metadata: { jupyter: { source_hidden: true } } }))).html).toContain("<summary>");
    expect((await page(code("x"))).html).not.toContain("<summary>");
  });

  test("shows code that itself contains fences whole", async () => {
    const { html } = await page(code("const md = `\n```ts\nx\n```\n`;"));
    expect(html).toContain("const md = `\n```ts\nx\n```\n`;");
  });

  test("offers the notebook itself, under its address", async () => {
    const { html, files } = await page(code("a"));
    expect(html).toContain('href="/base/notebooks/x/x.ipynb"');
    expect(JSON.parse(files[0]!.text).cells[0].source).toEqual(["a"]);
  });

  test("shows the richest form of an output, and text where a form is empty", async () => {
    expect((await showing({ "text/plain": "plain", "text/html": "<b>rich</b>" })).html).not.toContain("plain");
    expect((await showing({ "text/plain": "plain", "text/html": "<script>1</script>" })).html).toContain("plain");
  });

  test("shows no colours of a terminal", async () => {
    const red: NbOutput = { output_type: "stream", name: "stdout", text: "\x1b[31mred\x1b[0m" };
    expect((await page(code("a", { outputs: [red] }))).html).toContain(">red</pre>");
  });
});

describe("a figure on a page", () => {
  test("is numbered, has caption, table and stamp, and both pictures", async () => {
    const { html } = await showing(figure, { "text/plain": "between" }, figure);
    expect(html).toContain('id="figure-2"');
    for (const part of [
      "Figure 1</a>",
      "Figure 2</a>",
      "ptlab-wide",
      "ptlab-narrow",
      "<table",
      "ptlab 0.0.0 (01234567)",
    ])
      expect(html).toContain(part);
  });

  test("offers exactly the stored picture and text table, and the rows as CSV", async () => {
    const { files } = await showing(figure);
    const text = Object.fromEntries(files.map((file) => [file.name, file.text]));
    expect(text["figure-1.svg"]).toBe(figure["image/svg+xml"]);
    expect(text["figure-1.txt"]).toBe(figure["text/plain"]);
    expect(text["figure-1.csv"]!.split("\r\n")[0]).toBe("op,policy,slots");
  });

  test("has controls with the values it was made with, and defaults for the others, if it is live", async () => {
    const document = new Window().document;
    document.body.innerHTML = (await showing(live)).html;
    const value = (name: string) => (document.querySelector(`[name=${name}]`) as unknown as HTMLInputElement).value;
    expect(value("base")).toBe("3");
    expect(document.querySelector("select [selected]")?.getAttribute("value")).toBe("c");
    expect(document.querySelector("[name=scale]:checked")?.getAttribute("value")).toBe("linear");
    expect(document.querySelector("ptlab-figure")?.getAttribute("data-live")).toBe("choices");
    expect(document.querySelector("select")?.id).toBe(document.querySelector("label[for$=arch]")?.getAttribute("for"));
  });

  test("lets a reader write a text, beginning with a sample, and no text can end its own control", async () => {
    const text = '\n</textarea><script>1</script>"';
    const samples = { one: "map a 4K\n", two: text };
    const writes = defineLive({
      ...powers,
      ...{ id: "writes", inputs: [] },
      params: { text: { kind: "text", label: "script", default: "map a 4K\n", max: 40, samples } },
      run: () => {
        throw new Error("a page must not run anything");
      },
    });
    const show = async (value: string) => {
      const bundle = stored(
        display({ ...groupedBars(), live: { id: "writes", params: { text: value }, inputs: {} } }, testHost()),
      );
      const given = { ...effects, live: () => writes };
      const document = new Window().document;
      document.body.innerHTML = (
        await renderPage("x", notebook(code("f()", { outputs: [shown(bundle)] })), given)
      ).html;
      const area = document.querySelector("textarea[name=text]") as unknown as HTMLTextAreaElement;
      return { document, area, chosen: document.querySelector("select [selected]")?.getAttribute("value") };
    };
    expect(dangers((await show(text)).document.body.innerHTML)).not.toContain("script");
    expect((await show(samples.one)).chosen).toBe("one");
    expect((await show(text)).chosen).toBe("two");
    const own = await show("fork");
    expect(own.chosen).toBe("your own");
    expect(own.area.textContent?.trim()).toBe("fork");
    expect(own.area.getAttribute("maxlength")).toBe("40");
    expect(own.document.querySelector("select")?.id).toBe(own.document.querySelector("label")?.getAttribute("for"));
  });

  test("has none if nothing can redraw it", async () => {
    expect((await showing(figure)).html).not.toContain("<form");
    const gone = { ...(live[FIGURE_MIME] as object), live: { id: "gone", params: {} } } as never;
    expect((await showing({ ...live, [FIGURE_MIME]: gone })).html).not.toContain("<form");
  });

  test("whose data is no figure falls back to its picture", async () => {
    const { html, files } = await showing({ ...figure, [FIGURE_MIME]: { title: 5 } });
    expect(html).toContain("<svg");
    expect(files).toHaveLength(1);
  });
});

test("a table and a block of code may take the focus in their turn, and nothing takes it before", () => {
  const html = (tabindex: number) => `<table tabindex="${tabindex}"></table><pre tabindex="${tabindex}"></pre>`;
  expect(sanitizeHtml(html(0))).toBe(html(0));
  expect(sanitizeHtml(`${html(1)}<p tabindex="0"></p>`)).not.toMatch(/tabindex="[^"]/);
});
