/**
 * What cells mean, as pure data: the cells of one notebook after another and what each of them gives. Nothing here knows
 * how they are run, so that any runner of cells can be held against it.
 */

/** What one cell gives; what is left out is not looked at. */
export interface Expected {
  /** Text of the last expression's value; null if there is none. */
  readonly value?: string | null;
  readonly stdout?: string;
  /** Name of the error, and a part of its message. */
  readonly error?: readonly [name: string, part: string];
}

/** Cells that are run one after another in a session of their own or a shared one, with names of their own. */
export interface Story {
  readonly name: string;
  readonly cells: readonly (readonly [code: string, expected?: Expected])[];
}

const value = (text: string | null): Expected => ({ value: text });
const prints = (text: string): Expected => ({ stdout: text });
const typeError = (part: string): Expected => ({ error: ["TypeCheckError", part], stdout: "" });

/** Names and what they stand for, from cell to cell. */
export const SHARING: readonly Story[] = [
  {
    name: "a closure and later cells see one variable",
    cells: [
      ["let shared = 0; const bump = () => ++shared;"],
      ["shared += 5; bump(); ({ shared })", value("{ shared: 6 }")],
      ["const read = () => shared; shared = 40; [read(), bump(), read()]", value("[ 40, 41, 41 ]")],
    ],
  },
  {
    name: "destructuring, defaults and rest declare names like any other",
    cells: [
      ["const { da, db: { dc = 7 }, ...dRest } = { da: 1, db: {} as { dc?: number }, de: 2 };"],
      ["let [dx, , ...dy] = [1, 2, 3, 4]; [da, dc, dRest, dx, dy]", value("[ 1, 7, { de: 2 }, 1, [ 3, 4 ] ]")],
      ["[dx, dc2] = [dy.length, 9]; var dc2: number; [dx, dc2]", value("[ 2, 9 ]")],
    ],
  },
  {
    name: "a name goes from variable to function, class, enum, import and type",
    cells: [
      ["let turn = 1; turn", value("1")],
      ["const turn = 'text'; turn.length", value("4")],
      ["function turn() { return 'function'; }\nturn()", value("'function'")],
      ["class turn { kind = 'class'; }\nnew turn().kind", value("'class'")],
      ["enum turn { A, B }\nturn.B", value("1")],
      ["import { sep as turn } from 'node:path';\nturn", value("'/'")],
      ["namespace turn { export const deep = 4; }\nturn.deep", value("4")],
      ["const { turn } = { turn: 7 }; turn", value("7")],
      ["function turn(n: number) { return n; }\nturn(8)", value("8")],
      ["turn('8')", typeError("not assignable to parameter of type 'number'")],
    ],
  },
  {
    name: "a function that replaces a constant is there before its cell's first statement",
    cells: [
      ["const hoisted = () => 'old';"],
      ["const first = hoisted(); function hoisted() { return 'new'; } first", value("'new'")],
      ["[hoisted(), hoisted.name]", value("[ 'new', 'hoisted' ]")],
      ["const hoisted$function = 1;"],
      ["function hoisted() { return hoisted$function; }\nhoisted()", value("1")],
    ],
  },
  {
    name: "a function keeps the types that it was checked with",
    cells: [
      ["type Unit = { bytes: number }; const sizeOf = (u: Unit) => u.bytes;"],
      ["type Unit = string; const word: Unit = 'w'; word", value("'w'")],
      ["sizeOf({ bytes: 3 })", value("3")],
      ["sizeOf(word)", typeError("'string' is not assignable to parameter of type")],
    ],
  },
  {
    name: "a variable without a value starts anew when its cell is run again",
    cells: [
      ["let count: number[] | undefined;"],
      ["count = [1]; count", value("[ 1 ]")],
      ["let count: number[] | undefined;\ncount", value(null)],
    ],
  },
  {
    name: "what was declared before an error stays, what was not is no name",
    cells: [
      ["const reached = 3; throw new Error('stop'); const missed = 4;", { error: ["Error", "stop"] }],
      ["reached", value("3")],
      ["missed", { error: ["ReferenceError", "missed is not defined"] }],
      ["typeof missed", value("'undefined'")],
      ["const missed = 5; missed", value("5")],
    ],
  },
  {
    name: "a name that a cell in error did not come to can become anything, which what the cell made before then sees",
    cells: [
      [
        "const seen = () => [typeof lost, typeof Lost, typeof lostToo];\nif (seen.length === 0) throw new Error('stop');\nlet lost = 4; class Lost {}\nimport { sep as lostToo } from 'node:path';",
        { error: ["Error", "stop"] },
      ],
      ["seen()", value("[ 'undefined', 'undefined', 'undefined' ]")],
      ["lost = 2", { error: ["ReferenceError", "lost is not defined"] }],
      ["enum Lost { A = 3 }\nLost.A", value("3")],
      [
        "var lost = 5; function lostToo() { return 6; }\n[lost, lostToo(), seen()]",
        value("[ 5, 6, [ 'number', 'object', 'function' ] ]"),
      ],
    ],
  },
  {
    name: "a name that is not yet declared is none, wherever its cell asks for it",
    cells: [
      ["const early = () => later + 1; early(); let later = 1;", { error: ["ReferenceError", "later is not defined"] }],
      ["let later = 2; early()", value("3")],
    ],
  },
  {
    name: "a variable of any kind follows one of any other kind, also inside of a statement",
    cells: [
      ["let count1 = 1; const fixed = 1; class Kind {} const reads = () => [count1, fixed, Kind];"],
      ["var count1 = 2, fixed = 2; var Kind: unknown = 2; reads()", value("[ 2, 2, 2 ]")],
      [
        "for (var count1 = 5; count1 < 7; count1++);\nif (count1 > 2) { var fixed = 9; }\nreads()",
        value("[ 7, 9, 2 ]"),
      ],
      ["let count1 = 'let', fixed = 'let'; const Kind = 'const'; reads()", value("[ 'let', 'let', 'const' ]")],
      ["var count1: string; [count1!]", value("[ 'let' ]")],
      [
        "// @ts-nocheck\nlet doubled = 1; var doubled = 2;",
        { error: ["SyntaxError", "'doubled' has already been declared"] },
      ],
    ],
  },
  {
    name: "a type error in one cell leaves the next ones alone",
    cells: [
      ["const poisoned: string = 5;", typeError("'number' is not assignable")],
      ["typeof poisoned", typeError("Cannot find name 'poisoned'")],
      ["const poisoned = 6; poisoned", value("6")],
    ],
  },
  {
    name: "export means nothing, and what it exports by default is an expression",
    cells: [
      [
        "export const exported = 5; export function halve(n: number) { return n / 2; }\nexport type T = number; export {};",
      ],
      ["export { exported }; export default { t: halve(exported) as T }", value("{ t: 2.5 }")],
      ["export default class Named { a = 1; }\nnew Named().a", value("1")],
      ["export default function () { return 1; }", value("[Function (anonymous)]")],
      ["export default (1 as number, 2)", value("2")],
      ["export default ({ a: 1 }); 5", value("5")],
      ["export default { a: 1, b: 2 }; 6", value("6")],
      ["export default class { b = 1; }\n7", value("7")],
      ["export default function () { return 1; }\n8", value("8")],
      ["const unended = halve\nexport default [unended(4)]; unended(6)", value("3")],
      ["export /* default */ default (9)", value("9")],
      ["export * from 'node:fs';", { error: ["SyntaxError", "import from it"] }],
    ],
  },
  {
    name: "an enum or a namespace that is declared again forgets its old members",
    cells: [
      ["enum Level { A, B }\nnamespace Space { export const a = 1; }"],
      [
        "enum Level { C = 5 }\nnamespace Space { export const b = 2; export const c = b; }\n[Object.keys(Level), Space]",
        value("[ [ '5', 'C' ], { b: 2, c: 2 } ]"),
      ],
      ["Level.A", typeError("Property 'A' does not exist")],
    ],
  },
];

/** Types and the syntax that goes with them. */
export const TYPES: readonly Story[] = [
  {
    name: "interfaces, enums, constant enums, namespaces, abstract classes and generics reach all later cells",
    cells: [
      ["interface Point { x: number }\nenum Colour { Red, Green = 'g' }\nconst enum Flag { Set = 4 }"],
      ["namespace Deep { export const level = 4; export namespace More { export type Name = 'n'; } }"],
      [
        "abstract class Shape<T> { constructor(protected readonly t: T) {} abstract area(): number; get item() { return this.t; } }",
      ],
      ["class Square extends Shape<Point> { area() { return this.t.x ** 2; } }\nconst name: Deep.More.Name = 'n';"],
      [
        "const p: Point = { x: 3 }; [new Square(p).area(), Colour.Green, Flag.Set, Deep.level, new Square(p).item, name]",
        value("[ 9, 'g', 4, 4, { x: 3 }, 'n' ]"),
      ],
      ["new Shape(1)", typeError("Cannot create an instance of an abstract class")],
    ],
  },
  {
    name: "an interface merges within a cell and replaces that of an earlier one",
    cells: [
      [
        "interface Rec { a: number }\ninterface Rec { b: number }\nconst rec: Rec = { a: 1, b: 2 }; rec",
        value("{ a: 1, b: 2 }"),
      ],
      ["interface Rec { c: string }\nconst other: Rec = { c: '' }; [other, rec.a]", value("[ { c: '' }, 1 ]")],
    ],
  },
  {
    name: "an alias of a type or a namespace is one",
    cells: [
      ["import Platform = NodeJS.Platform;\nnamespace Long { export namespace Inner { export const n = 3; } }"],
      ["import Short = Long.Inner;\nconst platform: Platform = 'linux'; [Short.n, platform]", value("[ 3, 'linux' ]")],
    ],
  },
  {
    name: "a value and a type of one name live beside each other",
    cells: [
      ["interface Both { n: number }"],
      ["const Both = (n: number): Both => ({ n });"],
      ["const both: Both = Both(4); both", value("{ n: 4 }")],
    ],
  },
  {
    name: "overloads, private names and inferred types that have no name of their own survive",
    cells: [
      ["class Stack<T> { #items: T[] = []; push(item: T): T { this.#items.push(item); return item; } }"],
      ["function twice(a: string): string;\nfunction twice(a: number): number;\nfunction twice(a: any) { return a; }"],
      ["const make = () => { class Hidden { private n = 1; get() { return this.n; } } return new Hidden(); };"],
      ["[new Stack<number>().push(twice(4)).toFixed(1), make().get()]", value("[ '4.0', 1 ]")],
      ["new Stack<number>().push('no')", typeError("'string' is not assignable to parameter of type 'number'")],
    ],
  },
  {
    name: "decorators work, also on classes of later cells",
    cells: [
      [
        "function logged<A extends unknown[], R>(f: (...a: A) => R, context: ClassMethodDecoratorContext) {\n  return function (this: unknown, ...a: A): R { console.log(String(context.name), ...a); return f.apply(this, a); };\n}",
      ],
      [
        "class Adder { @logged add(a: number, b: number) { return a + b; } }\nnew Adder().add(1, 2)",
        { value: "3", stdout: "add 1 2\n" },
      ],
      [
        "class Twice extends Adder { @logged twice(n: number) { return this.add(n, n); } }\nnew Twice().twice(4)",
        { value: "8", stdout: "twice 4\nadd 4 4\n" },
      ],
      [
        "const named = (c: abstract new () => object, context: ClassDecoratorContext) => console.log('class', context.name, c.name);\nawait null;\n@named class Marked { static n = 1; }\nMarked.n",
        { value: "1", stdout: "class Marked Marked\n" },
      ],
    ],
  },
  {
    name: "types are erased in every form: satisfies, as const, type imports, declare, assertions",
    cells: [
      [
        "import type { Stats } from 'node:fs';\nimport { type Dirent } from 'node:fs';\nimport { type ParsedPath, sep } from 'node:path';",
      ],
      [
        "const conf = { a: [1, 2] } satisfies Record<string, number[]>; const pair = [1, 'x'] as const; declare const ghost: Stats;\nlet sure!: number; sure = pair[0]!; [conf.a.length, sure as number, sep]",
        value("[ 2, 1, '/' ]"),
      ],
    ],
  },
  {
    name: "a type at a line's end ends the statement, whatever the next line begins with",
    cells: [
      ["const asText = (x: unknown) => x as string\n[1, 2].length", value("2")],
      ["const satisfied = 1 satisfies number\n[satisfied].length", value("1")],
      ["const called = 'a' as string\n;(function () { console.log(called); })()", prints("a\n")],
      ["const calledAlso = 'b' as string\n(function () { console.log(calledAlso); })()", prints("b\n")],
      ["const summed = 1 as number\n+ 1\nsummed", value("2")],
      ["class Lined {\n  one = 'x' as string\n  ['two'] = 2\n}\nnew Lined()", value("Lined { one: 'x', two: 2 }")],
      ["class Getter {\n  get?: number\n  size() { return 3; }\n}\nnew Getter().size()", value("3")],
      ["const before = called\ntype Between = number\n[before].length", value("1")],
      ["const beforeToo = called\nimport type {\n  Stats as S,\n} from 'node:fs'\n[beforeToo].length", value("1")],
      ["const beforeThat = called\nimport { type Dirent as D } from 'node:fs'\n[beforeThat].length", value("1")],
      ["const pick = <T>(x: T) => x;\npick<number>\n(5)", value("5")],
    ],
  },
  {
    name: "what is erased between two lines keeps them apart, whatever the second begins with",
    cells: [
      ["const apart = (...a: unknown[]): any => a.length; let times = 1;"],
      ["const one = apart\ntype One = 1\n`x`\none === apart", value("true")],
      ["const two = apart\ninterface Two { n: 1 }\n(1 + 1).toFixed()\ntwo === apart", value("true")],
      ["const three = apart\ndeclare const nobody: number\n/x/.test('x')\nthree === apart", value("true")],
      ["const four = apart\nexport {}\n`x`\nfour === apart", value("true")],
      ["const five = times\ntype Five = 1\n++times;\n[five, times]", value("[ 1, 2 ]")],
      [
        "const six = () => {\n  const inner = apart\n  type Inner = 1\n  `x`\n  return inner === apart\n}\nsix()",
        value("true"),
      ],
      ["let seven: any\n(5).toFixed()\nseven", value(null)],
      ["let eight: number, nine: any\n[5].length", value("1")],
      [
        "abstract class Ten {\n  a = apart\n  abstract b: Event\n  ['c'] = 3\n  d = 4\n  declare e: number\n  *f() { yield this.d }\n  g = apart\n  h(n: number): void\n  ['h'](n?: number): void {}\n}",
      ],
      [
        "class Eleven extends Ten { b = new Event('x') }\nconst ten = new Eleven(); [ten.a === apart, ten.c, ...ten.f(), ten.g === apart]",
        value("[ true, 3, 4, true ]"),
      ],
    ],
  },
  {
    name: "what only TypeScript can write is found wherever it stands, and is not seen in comments and texts",
    cells: [
      ["let beside = 1; namespace Beside { export const deep = beside + 1; }\nBeside.deep", value("2")],
      ["/* c */ namespace Commented { export const deep = 3; }\nCommented.deep", value("3")],
      [
        "const kept = <T>(c: T, _: ClassDecoratorContext): T => c;\nconst Made = @kept class { n = 1; };\nnew Made().n",
        value("1"),
      ],
      ["export @kept class Shipped { n = 2; }\nnew Shipped().n", value("2")],
      ["import { sep as unusedSep } from 'node:path'; namespace Lonely { export const n = 1; }"],
      ["unusedSep", value("'/'")],
      ["var keeps = 1;"],
      ["// enum values\nvar keeps; keeps", value("1")],
      ["const text = 'enum'; var keeps; keeps + text", value("'1enum'")],
    ],
  },
  {
    name: "parameters that are properties come before the other fields' values",
    cells: [
      [
        "class Held { z = 1; constructor(public y: number, protected readonly q = 2) {} }\nnew Held(3)",
        value("Held { y: 3, q: 2, z: 1 }"),
      ],
    ],
  },
  {
    name: "null checks and implicit any are strict, unused names are fine",
    cells: [
      ["const maybe = [1, 2].find((n) => n > 1); const unused = 1;"],
      ["maybe.toFixed()", typeError("'maybe' is possibly 'undefined'")],
      ["maybe?.toFixed()", value("'2'")],
      ["function loose(x) { return x; }", typeError("implicitly has an 'any' type")],
    ],
  },
  {
    name: "a check can be silenced for a line and for a cell, whose names later cells still know",
    cells: [
      [
        "// @ts-expect-error\nconst lineOne: string = 5;\n// @ts-ignore\nconst lineTwo: string = 6; lineTwo",
        value("6"),
      ],
      ["// @ts-expect-error\nconst fine: string = 'x';", typeError("Unused '@ts-expect-error' directive")],
      ["// @ts-nocheck\nconst silent: string = 5; function any(x) { return x; }\nany(silent)", value("5")],
      ["silent.length + any(1)", value("NaN")],
      ["const checked: string = 7;", typeError("not assignable")],
    ],
  },
  {
    name: "declare global adds to the globals of all later cells, and a wrong one is forgotten",
    cells: [
      [
        "declare global { interface Array<T> { second(): T; } }\nArray.prototype.second = function () { return this[1]; };",
      ],
      ["[1, 2].second()", value("2")],
      ["declare global { var wrong: number; }\nconst bad: string = 1;", typeError("not assignable")],
      ["wrong", typeError("Cannot find name 'wrong'")],
    ],
  },
];

/** How a cell runs and what its value is. */
export const RUNNING: readonly Story[] = [
  {
    name: "the value of a cell is that of its last expression",
    cells: [
      ["5 // a comment", value("5")],
      ["6;;\n/* a comment */", value("6")],
      ["({ a: 1 })", value("{ a: 1 }")],
      ["{ a: 1 }", value(null)],
      ["const quiet = 1;", value(null)],
      ["undefined", value(null)],
      ["console.log('printed')", { value: null, stdout: "printed\n" }],
      ["Promise.resolve(4)", value("4")],
      ["await Promise.resolve(4)", value("4")],
      ["`a\n` + 2", value("'a\\n2'")],
      ["[1, 2]\n  .map((n) => n * 2)", value("[ 2, 4 ]")],
      ["if (true) { 5 }", value(null)],
      ["// nothing", value(null)],
      ["", value(null)],
    ],
  },
  {
    name: "await, for-await, generators, labels and blocks work at the top level",
    cells: [
      [
        "const three = await Promise.resolve(3); async function* countTo(n: number) { for (let i = 1; i <= n; i++) yield i; }",
      ],
      ["for await (const n of countTo(three)) console.log(n);", prints("1\n2\n3\n")],
      ["function* pair() { yield 1; yield 2; }\n[...pair()]", value("[ 1, 2 ]")],
      [
        "outer: for (const i of [1, 2]) for (const j of [1, 2]) { if (j === 2) continue outer; console.log(i, j); }",
        prints("1 1\n2 1\n"),
      ],
      ["{ const inner = 1; }\ntypeof inner", typeError("Cannot find name 'inner'")],
      ["return 5", typeError("'return' statement can only be used within a function body")],
    ],
  },
  {
    name: "what a cell is using is disposed of at its end, last first, also after an error",
    cells: [
      ["const lock = (name: string) => ({ name, [Symbol.dispose]() { console.log('free', name); } });"],
      [
        "using one = lock('one'), two = lock('two');\nconsole.log('in', one.name);",
        prints("in one\nfree two\nfree one\n"),
      ],
      [
        "await using late = { async [Symbol.asyncDispose]() { await null; console.log('late'); } };\nusing none = null;\n1",
        { value: "1", stdout: "late\n" },
      ],
      ["using three = lock('three');\nthrow new Error('x');", { error: ["Error", "x"], stdout: "free three\n" }],
      ["using wrong = 5 as never;", { error: ["TypeError", ""] }],
    ],
  },
  {
    name: "code is strict",
    cells: [
      ["(Object.freeze([1]) as number[]).push(2)", { error: ["TypeError", "not extensible"] }],
      ["(globalThis as any).eval('undeclared = 1')", value("1")],
      ["(function (this: unknown) { return this; })()", value(null)],
      ["(this as unknown) === globalThis", value("true")],
      ["// @ts-nocheck\ntypeof arguments", value("'undefined'")],
      ["with (Math) max(1)", typeError("'with' statement")],
    ],
  },
  {
    name: "a line that begins with a bracket goes on with the line before, as TypeScript has it",
    cells: [
      ["const left = 1\nconst right = 2\n[left, right].length", typeError("")],
      ["const left = 1\nconst right = 2\n;[left, right].length", value("2")],
    ],
  },
  {
    name: "what is thrown is told as what it is",
    cells: [
      ["throw new RangeError('far')", { error: ["RangeError", "far"] }],
      ["throw 1", { error: ["Thrown", "1"] }],
      ["throw null", { error: ["Thrown", "null"] }],
      ["throw 'text'", { error: ["Thrown", "text"] }],
      ["throw { get x() { throw new Error('inner'); } }", { error: ["Thrown", "{ x: [Getter] }"] }],
      ["class Own extends Error { override name = 'Own'; }\nthrow new Own('mine')", { error: ["Own", "mine"] }],
      ["const deep = (): number => deep() + 1; deep()", { error: ["RangeError", "Maximum call stack size exceeded"] }],
      ["let broken = ;", typeError("Expression expected")],
      ["let open = {", typeError("'}' expected")],
    ],
  },
];

/** What is so where cells run in Node. */
export const IN_NODE: readonly Story[] = [
  {
    name: "a name of Node's globals is a name like any other, and the global stays what it is",
    cells: [
      ["const process = 'mine', status = 1; let fetch = 2; class Event { x = 1; }"],
      [
        "const { performance } = { performance: 3 }; fetch++; ({ process, fetch, performance, e: new Event().x, status })",
        value("{ process: 'mine', fetch: 3, performance: 3, e: 1, status: 1 }"),
      ],
      ["const Map = 5; const own = (fetch: number) => fetch + Map; own(1)", value("6")],
      ["typeof globalThis.Map + typeof globalThis.fetch", value("'functionfunction'")],
      ["const fetch$cell = 4, fetch$cell$cell = 5; [fetch, fetch$cell, fetch$cell$cell]", value("[ 3, 4, 5 ]")],
      ["[fetch, fetch$cell].concat((() => [fetch$cell$cell])())", value("[ 3, 4, 5 ]")],
      [
        "abstract class Storage { static first: Storage; abstract size: number; clone(): Storage { return Storage.first; } }\nclass File extends Storage { size = 1; }",
      ],
      [
        "Storage.first = new File(); [new File(), new File().clone() instanceof Storage]",
        value("[ File { size: 1 }, true ]"),
      ],
      ["import { performance } from 'node:perf_hooks';\nperformance.now() > 0", value("true")],
      ["import { readFileSync } from 'node:fs';\ntypeof readFileSync", value("'function'")],
      [
        "import Map, { setTimeout } from 'node:timers/promises';\n[typeof Map, await setTimeout(1, 'slept')]",
        value("[ 'object', 'slept' ]"),
      ],
    ],
  },
  {
    name: "modules of Node, of packages and of CommonJS are imported in all forms",
    cells: [
      [
        "import fs, { existsSync as exists } from 'node:fs';\nimport * as path from 'path';\n[typeof fs.readFileSync, exists('/'), path.sep]",
        value("[ 'function', true, '/' ]"),
      ],
      ["import ts, { version } from 'typescript';\nts.version === version", value("true")],
      ["import { max } from 'd3';\nmax([1, 3, 2])", value("3")],
      ["const specifier = 'node:' + 'os'; typeof (await import(specifier)).cpus", value("'function'")],
      [
        "const { sep } = require('node:path'); [sep, typeof require.resolve, __filename.endsWith('cell.ts'), __dirname === import.meta.dirname]",
        value("[ '/', 'function', true, true ]"),
      ],
      ["import { a } from './no-such-file.ts';", typeError("Cannot find module './no-such-file.ts'")],
      ["import { nothing } from 'node:fs';", typeError("no exported member 'nothing'")],
    ],
  },
];
