/**
 * Which identifiers of a script mean a variable of the script's top level: those that no function, block or class inside
 * declares for itself.
 */
import type { AnyNode, Function as FunctionNode, Identifier, Node, Pattern, Program } from "acorn";

/** A use of a name of the top level. */
export interface Reference {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** The name is that of a property too, as in `{ name }`. */
  readonly isShort: boolean;
}

type Names = ReadonlySet<string>;

/** All uses of top-level names, declarations of variables among them; the names of functions and classes are not. */
export function topReferences(program: Program): Reference[] {
  const found: Reference[] = [];
  const see = ({ name, start, end }: Identifier, scopes: readonly Names[], isShort: boolean) => {
    if (!scopes.some((names) => names.has(name))) found.push({ name, start, end, isShort });
  };
  const each = (nodes: readonly (AnyNode | null | undefined)[], scopes: readonly Names[]) => {
    for (const node of nodes) if (node) visit(node, scopes);
  };
  const visit = (node: AnyNode, scopes: readonly Names[]): void => {
    if (node.type === "Identifier") return see(node, scopes, false);
    if (node.type === "Property" && node.shorthand) {
      const { value } = node;
      const [name, rest] = value.type === "AssignmentPattern" ? [value.left, value.right] : [value, undefined];
      see(name as Identifier, scopes, true);
      return each([rest], scopes);
    }
    const own = declaredIn(node);
    each(partsOf(node), own.size === 0 ? scopes : [...scopes, own]);
  };
  each(program.body, []);
  return found;
}

/** The parts of a node that hold expressions or statements; names that are no variables are left out. */
function partsOf(node: AnyNode): AnyNode[] {
  switch (node.type) {
    case "MemberExpression":
      return node.computed ? [node.object as AnyNode, node.property as AnyNode] : [node.object as AnyNode];
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
      return [node.computed ? node.key : undefined, node.value].filter((part) => part) as AnyNode[];
    case "LabeledStatement":
      return [node.body];
    case "ImportDeclaration":
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
      return [];
    case "ExportNamedDeclaration":
      return node.declaration ? [node.declaration] : [];
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ClassDeclaration":
    case "ClassExpression":
      return children(node).filter((child) => child !== node.id);
    default:
      return children(node);
  }
}

/** All nodes directly below a node. */
export function children(node: Node): AnyNode[] {
  return Object.values(node)
    .flat()
    .filter((value): value is AnyNode => typeof (value as Partial<AnyNode> | null)?.type === "string");
}

/** The names that a node declares for what is inside of it. */
function declaredIn(node: AnyNode): Names {
  if (isFunction(node)) return functionNames(node);
  if (node.type === "ClassDeclaration" || node.type === "ClassExpression")
    return new Set(node.id ? [node.id.name] : []);
  if (node.type === "CatchClause") return new Set(node.param ? boundNames(node.param) : []);
  return new Set(BLOCK.test(node.type) ? lexicalNames(children(node)) : []);
}

/** What has names of its own without being a function or a class. */
const BLOCK = /^(BlockStatement|StaticBlock|SwitchStatement|For\w*Statement)$/;

/** A function that has names of its own; a method holds one as its value. */
const isFunction = (node: AnyNode): node is FunctionNode & AnyNode =>
  /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);

function functionNames(node: FunctionNode): Names {
  const own = node.type === "FunctionExpression" && node.id ? [node.id.name] : [];
  return new Set([...own, ...node.params.flatMap(boundNames), ...varNames(node.body as AnyNode)]);
}

/** The names of `let`, `const`, `using`, `class` and `function` among the statements of a block or the head of a loop. */
function lexicalNames(nodes: readonly AnyNode[]): string[] {
  return nodes.flatMap((node) => {
    if (node.type === "VariableDeclaration")
      return node.kind === "var" ? [] : node.declarations.flatMap(({ id }) => boundNames(id));
    if (node.type === "SwitchCase") return lexicalNames(node.consequent);
    if (node.type !== "FunctionDeclaration" && node.type !== "ClassDeclaration") return [];
    return node.id ? [node.id.name] : [];
  });
}

/** The names of all `var` below a node, but for those of functions inside. */
const varNames = (node: AnyNode): string[] =>
  varsBelow(node).flatMap((v) => v.declarations.flatMap(({ id }) => boundNames(id)));

/** All declarations by `var` below a node, but for those of functions inside. */
export function varsBelow(node: AnyNode): Extract<AnyNode, { type: "VariableDeclaration" }>[] {
  if (isFunction(node)) return [];
  if (node.type === "VariableDeclaration" && node.kind === "var") return [node];
  return children(node).flatMap(varsBelow);
}

/** The names that a pattern binds. */
export function boundNames(pattern: Pattern): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((p) => boundNames(p.type === "RestElement" ? p.argument : p.value));
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element ? boundNames(element) : []));
    case "RestElement":
      return boundNames(pattern.argument);
    case "AssignmentPattern":
      return boundNames(pattern.left);
    case "MemberExpression":
      return [];
  }
}
