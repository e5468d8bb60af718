/**
 * What a notebook's author may rely on when cells run: sharing, redeclaration, types, results and errors.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import { runCell } from "./cells.ts";

let session: ChildSession;
const run = (code: string) => runCell(session, code);

beforeAll(() => {
  session = startSession(`${PROJECT_ROOT}/notebooks`);
});
afterAll(() => session.close());

describe("variables", () => {
  test("a closure and a later cell see the same variable", async () => {
    await run("let n = 0; const inc = () => ++n;");
    expect((await run("n += 5; inc(); ({ n })")).value).toBe("{ n: 6 }");
  });

  test("a cell may declare a name again, with another type", async () => {
    await run("const again = 1;");
    expect((await run("const again = 'text'; again.length")).value).toBe("4");
    expect((await run("again.toUpperCase()")).value).toBe("'TEXT'");
  });

  test("a name may change between variable, function and class", async () => {
    await run("let shape = 1;");
    expect((await run("function shape() { return 'function'; }\nshape()")).value).toBe("'function'");
    expect((await run("class shape { kind = 'class'; }\nnew shape().kind")).value).toBe("'class'");
    expect((await run("const { shape } = { shape: 7 }; shape")).value).toBe("7");
    await run("function tool() { return 1; }");
    expect((await run("const tool = 2; tool")).value).toBe("2");
    expect((await run("class tool { a = 3; }\nnew tool().a")).value).toBe("3");
  });

  test("interfaces, enums, classes with parameter properties and namespaces reach later cells", async () => {
    await run(
      "interface Point { x: number }\nenum Colour { Red, Green }\nclass Box { constructor(readonly p: Point) {} }",
    );
    await run("namespace Deep { export const level = 4; }");
    expect((await run("const b = new Box({ x: 3 }); [b.p.x, Colour.Green, Deep.level]")).value).toBe("[ 3, 1, 4 ]");
  });

  test("generics, overloads and private members survive the way to a later cell", async () => {
    await run("class Stack<T> { #items: T[] = []; push(item: T): T { this.#items.push(item); return item; } }");
    await run(
      "function twice(a: string): string;\nfunction twice(a: number): number;\nfunction twice(a: any) { return a; }",
    );
    expect((await run("new Stack<number>().push(twice(4)).toFixed(1)")).value).toBe("'4.0'");
    expect((await run("new Stack<number>().push('no')")).ename).toBe("TypeCheckError");
  });

  test("a failed cell keeps what it had declared before it failed", async () => {
    expect((await run("const before = 3; throw new Error('later')")).status).toBe("error");
    expect((await run("before")).value).toBe("3");
  });

  test("export before a declaration means nothing", async () => {
    await run("export const shared = 5; export function half(n: number) { return n / 2; }");
    expect((await run("half(shared)")).value).toBe("2.5");
  });
});

describe("types", () => {
  test("a type error stops the cell before it runs, with line, column and a caret under the place", async () => {
    const failed = await run("console.log('ran');\nconst wrong: string = 5;");
    expect(failed).toMatchObject({ status: "error", ename: "TypeCheckError", stdout: "" });
    expect(failed.evalue).toBe("line 2, column 7: Type 'number' is not assignable to type 'string'. (TS2322)");
    expect(failed.trace).toContain("2 | const wrong: string = 5;\n          ^^^^^");
  });

  test("null checks are strict", async () => {
    await run("const maybe = [1, 2].find((n) => n > 1);");
    expect((await run("maybe.toFixed()")).evalue).toContain("'maybe' is possibly 'undefined'");
  });

  test("ES2024, using and iterator syntax are known", async () => {
    await run("{ using lock = { [Symbol.dispose]() { console.log('freed'); } }; void lock; }");
    expect((await run("Object.groupBy([1, 2, 3], (n) => (n % 2 ? 'odd' : 'even')).odd")).value).toBe("[ 1, 3 ]");
  });

  test("the document of a browser is an unknown name, as it is when the cell runs", async () => {
    expect((await run("document.title")).evalue).toContain("Cannot find name 'document'");
  });

  test("a syntax error is reported with its place", async () => {
    expect((await run("let broken = ;")).evalue).toContain("line 1, column 14: Expression expected.");
  });
});

describe("running", () => {
  test("await and for-await work at the top level", async () => {
    expect((await run("const three = await Promise.resolve(3);\nthree")).value).toBe("3");
    expect((await run("for await (const n of [1, 2]) console.log(n);")).stdout).toBe("1\n2\n");
  });

  test("code is strict: writing to a frozen object throws", async () => {
    expect((await run("(Object.freeze([1]) as number[]).push(2)")).ename).toBe("TypeError");
  });

  test("bytes that are written are text in the end, also where a character comes in two pieces", async () => {
    const halves =
      "const bytes = Buffer.from('ü\u{1f600}');\nfor (const byte of bytes) process.stdout.write(Uint8Array.of(byte));";
    expect((await run(`${halves}\nprocess.stdout.write('e28094', 'hex');`)).stdout).toBe("ü\u{1f600}\u2014");
  });

  test("console output is a stream, in order and by its name", async () => {
    const ran = await run("console.log('a %d', 1); console.error('b'); process.stdout.write('c')");
    expect(ran.outputs.slice(0, 3)).toEqual([
      { output_type: "stream", name: "stdout", text: "a 1\n" },
      { output_type: "stream", name: "stderr", text: "b\n" },
      { output_type: "stream", name: "stdout", text: "c" },
    ]);
  });

  test("what a cell prints after its end belongs to it and not to the next cell", async () => {
    const late: unknown[] = [];
    await runCell(session, "void setTimeout(() => console.log('late'), 20);", { onEvent: (event) => late.push(event) });
    const next = await run("await new Promise((done) => setTimeout(done, 60)); console.log('next')");
    expect(next.stdout).toBe("next\n");
    expect(late).toEqual([{ type: "output", output: { output_type: "stream", name: "stdout", text: "late\n" } }]);
  });

  test("output of a program that a cell starts reaches the cell", async () => {
    const ran = await run(
      "import { spawnSync } from 'node:child_process';\nspawnSync('echo', ['raw'], { stdio: 'inherit' });",
    );
    expect(ran.stdout).toBe("raw\n");
  });

  test("output of a program that outlasts its cell reaches that cell", async () => {
    await run("import { spawn } from 'node:child_process';");
    const { promise: told, resolve: tell } = Promise.withResolvers<unknown>();
    await runCell(session, "void spawn('sh', ['-c', 'sleep 0.2; echo late'], { stdio: 'inherit' });", {
      onEvent: tell,
    });
    expect(await told).toMatchObject({ output: { name: "stdout", text: "late\n" } });
  });

  test("a rejection that nobody handles is told on standard error and ends nothing", async () => {
    const ran = await run(
      "void Promise.reject(new Error('stray')); await new Promise((done) => setTimeout(done, 20));",
    );
    expect(ran.stderr).toContain("stray");
    expect((await run("1")).value).toBe("1");
  });
});

describe("results", () => {
  test.each([
    ["1 + 1;", "2"],
    ["null", "null"],
    ["-0", "-0"],
    ["10n ** 3n", "0x3e8n (1000)"],
    ["Symbol('s')", "Symbol(s)"],
    ["({ a: new Set([1]) })", "{ a: Set(1) { 1 } }"],
    ["enum Last { A, B }\nLast.B", "1"],
  ])("the value of a last expression is shown: %s", async (code, text) => {
    expect((await run(code)).value).toBe(text);
  });

  test.each(["undefined", "let quiet = 1;", "for (let i = 0; i < 3; i++) i;", "// nothing", "if (true) { 5 }"])(
    "nothing is shown for: %s",
    async (code) => {
      expect((await run(code)).outputs).toEqual([]);
    },
  );

  test("a list of plain rows is a table in HTML, with its text escaped, and text besides", async () => {
    const [output] = (await run("[{ name: '<b>', count: 3 }]")).outputs;
    expect(output).toMatchObject({
      data: {
        "text/plain": "name  count\n----  -----\n<b>       3",
        "text/html": expect.stringMatching(
          /<td style="text-align:left">&lt;b&gt;<.td>\n<td style="text-align:right">3</,
        ),
      },
    });
  });

  test("a value that presents itself gets a document and the build, and its bundle is the output", async () => {
    const code = `({
      [Symbol.for("Jupyter.display")](host: { document: any; build: { version: string; source: string } }) {
        const svg = host.document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("data-version", host.build.version);
        return { "image/svg+xml": svg.outerHTML, "text/plain": host.build.source, "image/png": new Uint8Array([1, 2]) };
      },
    })`;
    const [output] = (await run(code)).outputs;
    expect(output).toMatchObject({
      output_type: "execute_result",
      data: {
        "image/svg+xml": expect.stringMatching(/<svg.*data-version="\d+\.\d+\.\d+"/),
        "text/plain": expect.stringMatching(/^[0-9a-f]{16}$/),
        "image/png": "AQI=",
      },
    });
  });

  test("an error inside a value's display method is the cell's error", async () => {
    const ran = await run("({ [Symbol.for('Jupyter.display')]() {\n throw new RangeError('no picture'); } })");
    expect(ran).toMatchObject({ status: "error", ename: "RangeError" });
    expect(ran.trace).toMatch(/In\[\d+\]:2:8/);
  });

  test("display shows in the middle of a cell and replaces what it has shown", async () => {
    const ran = await run(
      "import { display, html } from 'ptlab/jupyter';\n" +
        "const box = await display(html('<i>one</i>'));\nconsole.log('between');\nawait box.update(html('<i>two</i>'));",
    );
    expect(ran.outputs.map((o) => ("data" in o ? o.data["text/html"] : o.output_type))).toEqual([
      "<i>two</i>",
      "stream",
    ]);
  });
});

describe("errors", () => {
  test("an error names the line and column of its cell, and no frame of the kernel", async () => {
    const defined = await run("\n\nfunction fail(): never {\n  throw new RangeError('bad');\n}");
    const failed = await run("\nfail()");
    expect(failed).toMatchObject({ status: "error", ename: "RangeError", evalue: "bad" });
    expect(failed.trace.split("\n").slice(-2)).toEqual([
      `    at fail (In[${defined.count}]:4:9)`,
      `    at In[${failed.count}]:2:1`,
    ]);
    expect(failed.trace).toContain("4 |   throw new RangeError('bad');\n            ^");
  });

  test.each(["source('nope.ts');", "await null; recordings('nope');"])(
    "an error from the kernel's own library has the line of the cell that called: %s",
    async (call) => {
      const failed = await run(`import { recordings, source } from 'ptlab/jupyter';\n\nnull;\n${call}`);
      expect(failed).toMatchObject({ status: "error", ename: "UserError" });
      expect(failed.trace).toContain(`    at In[${failed.count}]:4:`);
      expect(failed.trace).not.toMatch(/src\/jupyter|:1:1/);
    },
  );

  test("no place is told of something thrown that knows none", async () => {
    expect((await run("null;\nthrow 5")).trace).toBe("Thrown: 5");
  });

  test("columns of the first line are those of the cell", async () => {
    const failed = await run("const first = 1; throw new Error('here')");
    expect(failed.trace).toContain(`at In[${failed.count}]:1:24`);
  });

  test("lines are right after an await and after code that stripping had to rewrite", async () => {
    const failed = await run("await null;\nenum Rewritten {\n  A,\n  B,\n}\n\nthrow new Error('seven')");
    expect(failed.trace).toContain(`at In[${failed.count}]:7:7`);
  });

  test("lines are right after imports of several lines", async () => {
    const failed = await run(
      "import {\n  hex,\n  parseSize,\n} from '../src/base/size.ts';\nparseSize('bogus');\nhex(1)",
    );
    expect(failed).toMatchObject({ ename: "UserError" });
    expect(failed.trace).toMatch(/at parseSize \(src\/base\/size\.ts:\d+:\d+\)\n +at In\[\d+\]:5:1$/);
  });

  test("an error from within the language shows the line of the cell that called", async () => {
    const failed = await run("const fine = 1;\nJSON.parse('{bad')");
    expect(failed.trace).toContain("2 | JSON.parse('{bad')\n         ^");
  });

  test("what an error gathers, and a cause that is no error, are told too", async () => {
    const many = await run("throw new AggregateError([new Error('one'), 2], 'many', { cause: 'root' })");
    expect(many).toMatchObject({ ename: "AggregateError", evalue: "many" });
    expect(many.trace).toMatch(/caused by\nThrown: root[\s\S]*error 1 of 2\nError: one[\s\S]*error 2 of 2\nThrown: 2/);
  });

  test("columns are right behind an import, a name that is called otherwise and a type on one line", async () => {
    const failed = await run("import { sep } from 'node:path'; const process: string = sep; throw new Error(process)");
    expect(failed.trace).toContain(`at In[${failed.count}]:1:69`);
  });

  test("many type errors are cut, and told how many", async () => {
    const failed = await run(Array.from({ length: 13 }, (_, i) => `const many${i}: string = ${i};`).join("\n"));
    expect(failed.evalue).toContain("(and 12 more)");
    expect(failed.trace.match(/ - error TS2322/g)).toHaveLength(10);
    expect(failed.trace).toContain("3 further errors are not shown.");
  });

  test("a cause is told with its own lines", async () => {
    const failed = await run("throw new Error('outer', { cause: new TypeError('inner') })");
    expect(failed.trace).toMatch(/Error: outer[\s\S]*caused by\nTypeError: inner/);
  });

  test("an error that is its own cause, and one with more causes than a stack is deep, are told and end", async () => {
    const own = await run("const own = new Error('own'); own.cause = own; throw own;");
    expect(own).toMatchObject({ status: "error", ename: "Error", evalue: "own" });
    expect(own.trace).toContain("caused by: an error that is told above");
    const deep = await run(
      "let deep = new Error('first'); for (let i = 0; i < 20_000; i++) deep = new Error(String(i), { cause: deep });\nthrow deep;",
    );
    expect(deep).toMatchObject({ ename: "Error", evalue: "19999" });
    expect(deep.trace).toContain("caused by: a further error, which is not shown");
  });

  test.each([
    ["whose name is a symbol", "throw Object.assign(new Error('bad'), { name: Symbol('odd') });", "Symbol(odd)", "bad"],
    ["that cannot be printed", "throw { [Symbol.for('nodejs.util.inspect.custom')]() { throw 1; } };", "Thrown"],
    ["that is a revoked proxy", "const gone = Proxy.revocable({}, {}); gone.revoke(); throw gone.proxy;", "Thrown"],
    [
      "that is an error whose message throws",
      "throw Object.defineProperty(new Error(), 'message', { get() { throw 1; } });",
      "Thrown",
    ],
  ])("something thrown %s is the cell's error, and variables stay", async (_, code, ename, evalue?) => {
    await run("const steady = 4;");
    const thrown = await run(code);
    expect(thrown).toMatchObject({ status: "error", ename, evalue: evalue ?? expect.stringContaining("looked at") });
    expect((await run("steady")).value).toBe("4");
  });

  test("a cell that breaks what the kernel itself uses gives an error, and variables stay", async () => {
    await run("const sturdy = 5; const { race } = Promise;");
    await run("Promise.race = () => { Promise.race = race; throw new Error('broken'); };");
    const failed = await run("1");
    expect(failed).toMatchObject({ status: "error", ename: "KernelError" });
    expect(failed.evalue).toContain("broken");
    expect((await run("sturdy")).value).toBe("5");
  });

  test("something thrown that is no error is told as it is", async () => {
    expect(await run("throw { code: 5 }")).toMatchObject({ ename: "Thrown", evalue: "{ code: 5 }" });
  });
});

describe("editing", () => {
  test("completion knows the types of earlier cells", async () => {
    await run("const record = { lastName: 'x', lastSeen: 3 };");
    expect(await session.complete("record.last", 11)).toEqual({
      ...{ start: 7, end: 11, matches: ["lastName", "lastSeen"], kinds: ["property", "property"] },
    });
  });

  test("inspection gives type and documentation, and nothing for an unknown name", async () => {
    await run("/** Half of it. */\nfunction halve(n: number): number { return n / 2; }");
    expect(await session.inspect("halve(1)", 2)).toBe("function halve(n: number): number\n\nHalf of it.");
    expect(await session.inspect("unheardOf", 2)).toBeUndefined();
  });

  test("documentation of libraries is found, tags and all, also from within a call's brackets", async () => {
    const parse = "Converts a string to an integer.\n@param string A string to convert into a number.";
    expect(await session.inspect("parseInt", 8)).toContain(parse);
    expect(await session.inspect("parseInt('5', ", 14)).toContain(parse);
    await run("import { existsSync } from 'node:fs';");
    expect(await session.inspect("existsSync", 3)).toMatch(/existsSync\(path[\s\S]*Returns `true` if the path exists/);
  });

  test("completion knows names of earlier cells, members of modules and paths of imports", async () => {
    await run("import * as files from 'node:fs';\nconst quiteRareName = 1;");
    expect((await session.complete("quiteRa", 7)).matches).toEqual(["quiteRareName"]);
    expect((await session.complete("files.readFileS", 15)).matches).toContain("readFileSync");
    expect((await session.complete("import { exi } from 'node:fs'", 12)).matches).toContain("existsSync");
    expect((await session.complete("import '../src/base/siz", 23)).matches).toContain("size.ts");
    expect((await session.complete("class A { #own = 1; f() { return this.#o; } }", 40)).matches).toEqual(["#own"]);
  });

  test.each([
    ["let a = 3;", { status: "complete" }],
    ["function f() {", { status: "incomplete", indent: "  " }],
    ["`open", { status: "incomplete", indent: "" }],
    ["let = = 3;", { status: "invalid" }],
  ])("completeness of %j", async (code, expected) => {
    expect(await session.completeness(code)).toEqual(expected);
  });
});
