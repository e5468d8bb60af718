// Small pieces of HTML as trees, in the form that Markdown plugins pass on.
import type { Element, ElementContent, Nodes, Properties, Root, RootContent } from "hast";
import rehypeParse from "rehype-parse";
import rehypeStringify from "rehype-stringify";
import { unified } from "unified";

const parser = unified().use(rehypeParse, { fragment: true }).freeze();
const writer = unified().use(rehypeStringify).freeze();

/** HTML as a tree. */
export const parseHtml = (html: string): Root => parser.parse(html);

/** Trees as HTML. */
export const toHtml = (...children: readonly RootContent[]): string =>
  writer.stringify({ type: "root", children: [...children] });

/** An element; a string among its children is text. */
export const element = (
  tagName: string,
  properties: Properties,
  ...children: readonly (ElementContent | string)[]
): Element => ({
  type: "element",
  tagName,
  properties,
  children: children.map((child) => (typeof child === "string" ? { type: "text", value: child } : child)),
});

/** All text inside of a node. */
export function textOf(node: Nodes): string {
  if (node.type === "text") return node.value;
  return "children" in node ? node.children.map(textOf).join("") : "";
}

/** True for an element with that class. */
export function hasClass(node: Nodes, name: string): boolean {
  if (node.type !== "element") return false;
  const classes = node.properties.className;
  return Array.isArray(classes) && classes.includes(name);
}

/** The elements inside of a node that satisfy a condition, in reading order. */
export function elements(node: Nodes, wanted: (element: Element) => boolean): readonly Element[] {
  if (!("children" in node)) return [];
  return node.children.flatMap((child) => [
    ...(child.type === "element" && wanted(child) ? [child] : []),
    ...elements(child, wanted),
  ]);
}
