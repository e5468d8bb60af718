/**
 * Blocks of code and tables scroll sideways where they have no room. Not every browser lets the keyboard do that unless they
 * take the focus; the theme gives it to code by a script, long after the page is there, and never to tables.
 */
import type { ExpressiveCodePlugin } from "@astrojs/starlight/expressive-code";
import { select, setProperty } from "@astrojs/starlight/expressive-code/hast";
import type { HastPluginDefinition } from "satteri";

/** For the theme's blocks of code. Its script takes the focus back from those that have room. */
export const codeTakesFocus: ExpressiveCodePlugin = {
  name: "ptlab-code-takes-focus",
  hooks: {
    postprocessRenderedBlock({ renderData }) {
      setProperty(select("pre", renderData.blockAst)!, "tabIndex", "0");
    },
  },
};

/**
 * For tables written in Markdown. Columns of a table that is still on its way move with each row; an empty foot tells the style
 * sheet that it is there as a whole, and until then it is not shown.
 */
export const tablesTakeFocus: HastPluginDefinition = {
  name: "ptlab-tables-take-focus",
  element: {
    filter: ["table"],
    visit(table, context) {
      context.setProperty(table, "tabIndex", 0);
      context.appendChild(table, { type: "element", tagName: "tfoot", properties: { hidden: true }, children: [] });
    },
  },
};
