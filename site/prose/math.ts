// Equations: TeX as MathML, which browsers draw by themselves, with the fonts that they have.
import type { Element } from "hast";
import type { HastPluginDefinition } from "satteri";
import temml from "temml";
import { sanitizeMath } from "../../src/notebook/render/sanitize.ts";
import { element, hasClass, parseHtml, textOf } from "./tree.ts";

/** The Markdown plugin that takes equations out of the hands of the highlighter, which would show a block of them as code. */
export const blockEquations: HastPluginDefinition = {
  name: "ptlab-block-equations",
  element: {
    filter: ["pre"],
    visit(node) {
      const code = node.children.find((child) => hasClass(child, "math-display"));
      return code && element("div", {}, element("code", { className: ["math-display"] }, textOf(code)));
    },
  },
};

/** What stands for an equation in rendered Markdown: code inside a line, or of a block of its own. */
export function equationOf(node: Element): Element | undefined {
  if (hasClass(node, "math-inline")) return mathMl(textOf(node), false);
  if (!hasClass(node, "math-display")) return undefined;
  return element("div", { className: ["ptlab-equation"] }, mathMl(textOf(node), true));
}

function mathMl(tex: string, displayMode: boolean): Element {
  const html = temml.renderToString(tex.trim(), { displayMode, throwOnError: true });
  return parseHtml(sanitizeMath(html)).children[0] as Element;
}
