/**
 * Allow-lists for what a notebook may put on a page. A notebook from elsewhere can show text, tables and pictures; it
 * can run nothing, load nothing from another host, and cover nothing outside its own place.
 */
import sanitize from "sanitize-html";

const COLOUR = [/^#[0-9a-f]{3,8}$/i, /^(rgb|hsl)a?\([\d\s.,%/]+\)$/i, /^[a-z]+$/i];
const LENGTH = [/^-?[\d.]+(px|em|rem|ch|%)?$/];
const WORD = [/^[a-z-]+$/i];
/** Highlighted code carries its two colours in custom properties, which the theme chooses from. */
const HIGHLIGHT = Object.fromEntries(["--0", "--1", "--0fs", "--1fs", "--0fw", "--1fw"].map((p) => [p, COLOUR]));

const STYLES = {
  color: COLOUR,
  "background-color": COLOUR,
  "text-align": WORD,
  "font-weight": [...WORD, /^\d+$/],
  "font-style": WORD,
  "white-space": WORD,
  width: LENGTH,
  "max-width": LENGTH,
  height: [/^auto$/],
  // How far the further lines of a broken line of code are indented.
  "--ecIndent": [/^\d+ch$/],
  ...HIGHLIGHT,
};

/** Presentation of equations: nothing here links, reacts, or lets other markup in (`annotation-xml`, `maction`, `mglyph`). */
const MATH_TAGS =
  "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts mprescripts mtable mtr mtd mpadded mphantom mstyle merror".split(
    " ",
  );

const MATH_ATTRIBUTES =
  "display displaystyle scriptlevel mathvariant stretchy fence separator form largeop movablelimits symmetric accent accentunder lspace rspace width height depth voffset minsize maxsize linethickness columnalign rowspacing columnspacing".split(
    " ",
  );

const TEXT_TAGS =
  "h1 h2 h3 h4 h5 h6 p div section span a img b strong i em u s del ins mark small sub sup code pre kbd samp var q abbr cite dfn time blockquote br hr wbr ul ol li dl dt dd table caption colgroup col thead tbody tfoot tr th td figure figcaption details summary button".split(
    " ",
  );

/**
 * Classes that highlighted code, notes, equations and our own tables and excerpts have. Any other would borrow the looks of
 * the site: a window over the page, a control, a cell.
 */
const CLASSES =
  "expressive-code frame has-title is-terminal header title copy code ec-line indent wrap gutter ln mark ins del highlight math-inline math-display footnotes data-footnote-backref sr-only contains-task-list task-list-item language-* number ptlab-table ptlab-beside not-content".split(
    " ",
  );

/** What scrolls may take the focus, but not out of its turn. */
const TAKES_FOCUS = { name: "tabindex", values: ["0"] };

const TEXT_ATTRIBUTES: Record<string, sanitize.AllowedAttribute[]> = {
  "*": ["title", "lang", "dir", "style", "role", "aria-*"],
  a: ["href", "id", "data-footnote-ref", "data-footnote-backref"],
  img: ["src", "alt", "width", "height", "loading"],
  th: ["scope", "colspan", "rowspan", "align"],
  td: ["colspan", "rowspan", "align"],
  col: ["span"],
  colgroup: ["span"],
  ol: ["start", "reversed", "type"],
  li: ["id", "value"],
  time: ["datetime"],
  details: ["open"],
  pre: ["data-language", TAKES_FOCUS],
  table: [TAKES_FOCUS],
  button: ["data-copied", "data-code"],
  ...Object.fromEntries(["h1", "h2", "h3", "h4", "h5", "h6"].map((h) => [h, ["id"]])),
};

/** A picture must be in the page itself: nothing else of a notebook's folder is published, and another host would learn who reads. */
const isInline = (src = ""): boolean => /^data:image\/(png|jpeg|gif|webp|svg\+xml)[;,]/i.test(src);

/** Places of notes, as Markdown names them. The places of headings are named by the page, and others are not needed. */
const withoutPlace: sanitize.Transformer = (tagName, { id, ...attribs }) => ({
  tagName,
  attribs: id?.startsWith("user-content-") ? { ...attribs, id } : attribs,
});

const TEXT: sanitize.IOptions = {
  allowedTags: TEXT_TAGS,
  allowedAttributes: TEXT_ATTRIBUTES,
  allowedClasses: { "*": CLASSES },
  allowedStyles: { "*": STYLES },
  allowedSchemes: ["http", "https", "mailto"],
  allowedSchemesByTag: { img: ["data"] },
  allowProtocolRelative: false,
  exclusiveFilter: (frame) => frame.tag === "img" && !isInline(frame.attribs.src),
};

/**
 * HTML from a markdown cell or an HTML output with only text, tables and pictures left. `onHeading` says what a heading's
 * place on the page is called; without it a heading is no place.
 */
export function sanitizeHtml(html: string, onHeading?: (level: number, id: string) => string): string {
  const heading =
    (level: number): sanitize.Transformer =>
    (tagName, { id, ...attribs }) => ({
      tagName,
      attribs: id === undefined || onHeading === undefined ? attribs : { ...attribs, id: onHeading(level, id) },
    });
  const transformTags = {
    ...{ a: withoutPlace, li: withoutPlace },
    ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((level) => [`h${level}`, heading(level)])),
  };
  return sanitize(html, { ...TEXT, transformTags });
}

/** An equation as the site itself makes it; MathML that a notebook brings along is not shown. */
export const sanitizeMath = (html: string): string =>
  sanitize(html, {
    allowedTags: MATH_TAGS,
    allowedAttributes: { "*": [...MATH_ATTRIBUTES, "class", "style"] },
    allowedStyles: { "*": STYLES },
  });

const SVG_TAGS =
  "svg g path rect circle ellipse line polyline polygon text tspan textPath title desc defs clipPath mask marker pattern linearGradient radialGradient stop use symbol".split(
    " ",
  );

const SVG_ATTRIBUTES =
  "id class role aria-* fill fill-* stroke stroke-* opacity font-* text-* letter-spacing dominant-baseline alignment-baseline baseline-shift color color-* paint-order vector-effect shape-rendering transform transform-origin x y x1 y1 x2 y2 cx cy r rx ry fx fy fr dx dy d points width height viewBox preserveAspectRatio overflow display visibility white-space clip-path clip-rule clipPathUnits mask maskUnits maskContentUnits marker-start marker-mid marker-end markerWidth markerHeight markerUnits orient refX refY patternUnits patternTransform patternContentUnits gradientUnits gradientTransform spreadMethod offset stop-color stop-opacity mix-blend-mode rotate startOffset textLength lengthAdjust tabindex style".split(
    " ",
  );

const SVG: sanitize.IOptions = {
  allowedTags: SVG_TAGS,
  allowedAttributes: { "*": SVG_ATTRIBUTES, svg: ["xmlns"], use: ["href"], textPath: ["href"] },
  allowedStyles: { "*": { ...STYLES, "mix-blend-mode": WORD, "font-variant": WORD } },
  allowedSchemes: [],
  // A style element is read as raw text here but as markup by a browser inside SVG, so none may pass; what Plot's says
  // is in the site's own style sheet.
  nonTextTags: ["script", "style", "textarea", "option", "noscript", "metadata", "foreignObject", "iframe"],
  parser: { lowerCaseTags: false, lowerCaseAttributeNames: false },
  transformTags: {
    "*": (tagName, attribs) => ({
      tagName,
      attribs: Object.fromEntries(Object.entries(attribs).filter(([name, value]) => staysInside(tagName, name, value))),
    }),
  },
};

/** Names of places that are the figures' or the site's own. */
export const TAKEN = /^(figure-\d|starlight__|ptlab-type$|_top$)/;

/** References go to elements of the same picture only, nothing is drawn beside it, and it takes no name of the page. */
function staysInside(tag: string, name: string, value: string): boolean {
  if (name === "href") return value.startsWith("#");
  if (name === "id") return !TAKEN.test(value);
  if (tag === "svg" && (name === "overflow" || name.startsWith("transform"))) return false;
  return !/url\(\s*["']?[^#"'\s]/i.test(value);
}

/** An SVG picture fit to be part of a page, or an empty string if nothing of it is a picture. */
export function sanitizeSvg(svg: string): string {
  const clean = sanitize(svg, SVG).trim();
  return clean.startsWith("<svg") ? clean : "";
}

/** What a picture that is a file of its own may hold besides: what it says of itself, and style. */
const FILE_TAGS = new Set([...SVG_TAGS, "metadata", "style"]);

/** What a browser that opens such a file would run, or fetch. */
const ACTIVE = /<[!?]|<\/?[\w.-]+:|\son\w+\s*=|@import|href\s*=\s*["']?[^#"'\s]|url\(\s*["']?[^#"'\s]/i;

/** An SVG picture fit to be a file of the site, which a browser opens as a document: as it is, if nothing in it is active. */
export function svgFile(svg: string): string {
  const tags = [...svg.matchAll(/<\/?([^\s/>]+)/g)].map((match) => match[1]!);
  return tags.every((tag) => FILE_TAGS.has(tag)) && !ACTIVE.test(svg) ? svg : sanitizeSvg(svg);
}
