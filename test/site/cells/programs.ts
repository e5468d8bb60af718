/**
 * Small random programs in cells: declarations of every kind that hide, capture and replace one another.
 */
import { type Random, random } from "../../../src/base/random.ts";

/** The cells of a program. Its names carry the seed, so that programs in one session do not meet. */
export function program(seed: number): string[] {
  const r = random(seed);
  const names = ["a", "b", "c", "d"].map((name) => `${name}${seed}`);
  const variables = new Set<string>();
  return Array.from({ length: 2 + r.below(3) }, () => cell(r, names, variables));
}

/** A cell declares a name once at most, and gives values only to what is a variable. */
function cell(r: Random, names: readonly string[], variables: Set<string>): string {
  const free = [...names];
  const statements = Array.from({ length: 2 + r.below(4) }, () => {
    const name = free[r.below(free.length)];
    if (name === undefined || r.below(3) === 0) return use(r, names);
    if (variables.has(name) && r.below(3) === 0) return write(r, name, names, free);
    free.splice(free.indexOf(name), 1);
    return declaration(r, name, names, variables);
  });
  // The types of what is made up do not fit.
  const read = "(get) => { try { return get(); } catch (error) { return error.name; } }";
  return `// @ts-nocheck\n${statements.join("\n")}\n[${names.map((name) => `() => ${name}`)}].map(${read})`;
}

function declaration(r: Random, name: string, names: readonly string[], variables: Set<string>): string {
  const word = r.pick(["var", "let", "const"]);
  const value = () => expression(r, names);
  const bound = [
    `${word} ${name} = ${value()};`,
    `${word} { ${name} = ${value()} } = { ${r.pick([name, "other"])}: ${value()} };`,
    `${word} [, ...${name}] = [${value()}, ${value()}];`,
    `${word} { 0: ${name}First, ...${name} } = [${value()}, ${value()}];`,
    word === "const" ? `let ${name};` : `${word} ${name}: number;`,
  ];
  const others = [
    `const ${name} = (n = 1) => n + Number(${value()});`,
    `function ${name}(n = ${value()}) { const inner = n; return inner; }`,
    `class ${name} { field = 1; static made = 0; get() { return ${value()}; } }`,
    `enum ${name} { One = ${r.below(9)}, Two, Three = One + 4 }`,
    `for (var ${name} = ${value()}, ${name}End = 3; ${name} < ${name}End; ${name}++);`,
  ];
  const isVariable = r.below(2) === 0;
  if (isVariable && word !== "const") variables.add(name);
  else variables.delete(name);
  return r.pick(isVariable ? bound : others);
}

/** What the cell writes it does not declare below: only the type check sees that as the mistake that it is. */
function write(r: Random, name: string, names: readonly string[], free: string[]): string {
  free.splice(free.indexOf(name), 1);
  return `${name} = ${expression(r, names)};`;
}

function use(r: Random, names: readonly string[]): string {
  const name = r.pick(names);
  const uses = [
    `try { console.log(${expression(r, names)}); } catch (error) { console.log(error.name); }`,
    `try { console.log(typeof ${name} === "function" ? ${name}(2) : ${name}); } catch (error) { console.log(error.name); }`,
    `{ let ${name} = 5; console.log(${name}, Number(${name})); }`,
    `for (let ${name} = 0; ${name} < 2; ${name}++) console.log(${name}, Number(${name}));`,
    `console.log([1, 2].map((${name}) => ${name} + 1));`,
    `console.log(typeof ${name});`,
  ];
  return r.pick(uses);
}

function expression(r: Random, names: readonly string[]): string {
  const name = r.pick(names);
  return r.pick([
    String(r.below(9)),
    `Number(${name})`,
    `({ ${name}: 2 }).${name}`,
    `[${name}].length`,
    `typeof ${name}`,
    `(() => Number(${name}))()`,
  ]);
}
