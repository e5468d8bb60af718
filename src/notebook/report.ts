/**
 * Differences as one page to look at: stored and new beside each other. It holds all that it shows, runs nothing and asks no host,
 * and pictures are images, so that nothing a notebook holds can run or reach out.
 */
import { type Difference, headline, linesBeside, type Side } from "./compare.ts";
import type { Pair } from "./diff.ts";
import { escapeHtml } from "./render/html.ts";

/** A notebook and what differs in it. */
export interface Compared {
  readonly name: string;
  readonly differences: readonly Difference[];
}

/** Lines around a changed line in what is too long to be shown whole. */
const AROUND = 3;
/** Longest text that is shown whole, in lines. */
const WHOLE = 80;

/** The page. */
export function reportHtml(compared: readonly Compared[]): string {
  const sections = compared.flatMap(({ name, differences }) => differences.map((one) => section(name, one)));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Outputs that are not as stored</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Outputs that are not as stored</h1>
<p>Left what the notebook holds, right what its code gives now.</p>
${sections.join("\n")}
</body>
</html>
`;
}

function section(name: string, difference: Difference): string {
  const { what, old, now } = difference;
  const [left, right] = [image(old, `${what}, stored`), image(now, `${what}, now`)];
  const pictures = left + right === "" ? "" : beside(left, right) + overlay(left, right);
  return `<section>\n<h2>${escapeHtml(`${name}: ${headline(difference)}`)}</h2>\n${pictures}${lines(difference)}\n</section>`;
}

const beside = (left: string, right: string): string =>
  `<div class="beside"><div><h3>Stored</h3>${left}</div><div><h3>Now</h3>${right}</div></div>`;

function image(side: Side | undefined, alt: string): string {
  const data = side !== undefined && "data" in side.output ? side.output.data : {};
  const [svg, png] = [data["image/svg+xml"], data["image/png"]];
  const label = escapeHtml(alt);
  if (typeof svg === "string")
    return `<img alt="${label}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}">`;
  return typeof png === "string" ? `<img alt="${label}" src="data:image/png;base64,${escapeHtml(png)}">` : "";
}

/** Equal ink cancels out, so that only what moved is seen. */
const overlay = (left: string, right: string): string =>
  left === "" || right === ""
    ? ""
    : `<details><summary>What moved: both over each other, black where they are alike</summary><div class="over">${left}${right}</div></details>`;

function lines(difference: Difference): string {
  const shown = linesBeside(difference, WHOLE, AROUND);
  const cells = shown.map((row) => (row === undefined ? '<tr class="cut"><td>⋯</td><td>⋯</td></tr>' : lineRow(row)));
  return `<table><thead><tr><th scope="col">Stored</th><th scope="col">Now</th></tr></thead><tbody>\n${cells.join("\n")}\n</tbody></table>`;
}

function lineRow({ old, now, same }: Pair<string>): string {
  // The sign says it too, for those who do not see the colour.
  const marked = (line: string, sign: string, tag: string) =>
    same ? `  ${escapeHtml(line)}` : `<${tag}>${sign} ${escapeHtml(line)}</${tag}>`;
  const cell = (line: string | undefined, sign: string, tag: string) =>
    `<td>${line === undefined ? "" : marked(line, sign, tag)}</td>`;
  return `<tr>${cell(old, "-", "del")}${cell(now, "+", "ins")}</tr>`;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 1rem auto; max-width: 100rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; overflow-wrap: anywhere; } h3 { font-size: 1rem; margin: 0.25rem; }
section { border-top: 1px solid GrayText; margin-top: 2rem; overflow-x: auto; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
img { background: #fff; max-width: 100%; }
.over { position: relative; isolation: isolate; display: inline-block; }
.over img + img { position: absolute; inset: 0 auto auto 0; mix-blend-mode: difference; }
table { border-collapse: collapse; margin-top: 1rem; }
td { font: 13px/1.35 ui-monospace, monospace; white-space: pre; padding: 0 1rem 0 0; vertical-align: top; }
th { text-align: left; }
del, ins { text-decoration: none; display: block; color: #000; }
del { background: #ffd7d5; } ins { background: #ccffd8; }
.cut { color: GrayText; }
`;
