// Equations: TeX as MathML, which browsers draw by themselves, with the fonts that they have.
import type { Element, ElementContent } from "hast";
import temml from "temml";
import { sanitizeMath } from "../../src/notebook/render/sanitize.ts";
import { element, hasClass, parseHtml, textOf } from "./tree.ts";

/** What stands for an equation in rendered Markdown: code inside a line, or a block of its own. */
export function equationOf(node: Element): ElementContent | undefined {
  if (hasClass(node, "math-inline")) return mathMl(textOf(node), false);
  const code = node.tagName === "pre" ? node.children.find((child) => hasClass(child, "math-display")) : undefined;
  return (
    code &&
    element(
      "div",
      { className: ["ptlab-equation"], tabIndex: 0, role: "group", ariaLabel: "Equation" },
      mathMl(textOf(code), true),
    )
  );
}

function mathMl(tex: string, displayMode: boolean): ElementContent {
  const html = temml.renderToString(tex.trim(), { displayMode, throwOnError: true });
  return parseHtml(sanitizeMath(html)).children[0] as Element;
}
