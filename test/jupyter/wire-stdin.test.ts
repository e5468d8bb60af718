/**
 * Questions of a cell: they reach the front end that sent the cell and nobody else, and a cell never waits for an answer
 * that cannot come.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, type Seen, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
  await client.execute('import { input, password } from "ptlab/jupyter";');
});
afterAll(() => client.close());

const ASKING = { allow_stdin: true };
const value = ({ of }: { of(type: string): Record<string, { [mime: string]: string }>[] }) =>
  of("execute_result")[0]?.data?.["text/plain"];

test("a cell asks for a line, and goes on with the answer", async () => {
  const ran = client.execute('(await input("Your name: ")).toUpperCase()', ASKING);
  const { content, message, answer } = await client.asked();
  expect(content).toEqual({ prompt: "Your name: ", password: false });
  expect(message.parentHeader).toEqual(client.sent());
  await answer("ada");
  expect(value(await ran)).toBe("'ADA'");
});

test("a password is asked for as one, and an answer without a parent header is taken", async () => {
  const ran = client.execute("await password()", ASKING);
  const { content, answer } = await client.asked();
  expect(content).toEqual({ prompt: "", password: true });
  await answer("🔑", { parent: false });
  expect(value(await ran)).toBe("'🔑'");
});

test("what a cell has printed comes before its question", async () => {
  const ran = client.execute('console.log("look"); await input()', ASKING);
  const { answer } = await client.asked();
  await client.seen((m) => m.content.text === "look\n");
  await answer("");
  expect((await ran).reply?.status).toBe("ok");
});

test("questions that a cell puts at once are asked one after another", async () => {
  const ran = client.execute('await Promise.all([input("a"), input("b")])', ASKING);
  const first = await client.asked();
  expect(first.content.prompt).toBe("a");
  await first.answer("1");
  const second = await client.asked();
  expect(second.content.prompt).toBe("b");
  await second.answer("2");
  expect(value(await ran)).toBe("[ '1', '2' ]");
});

test.each([{}, { allow_stdin: false }])(
  "a front end that takes no input makes asking an error at its line: %j",
  async (content) => {
    const { reply } = await client.execute('\nawait input("x")', content);
    expect(reply).toMatchObject({
      ename: "StdinNotImplementedError",
      evalue: "this front end takes no input: nobody can be asked",
    });
    expect(reply?.traceback.join("\n")).toMatch(/at In\[\d+\]:2:7$/);
  },
);

test("a cell may catch the refusal and do without", async () => {
  expect(value(await client.execute('await input("x").catch(() => "default")'))).toBe("'default'");
});

test("a silent cell may ask too", async () => {
  const ran = client.execute('const viaSilent = await input("s")', { ...ASKING, silent: true });
  await (await client.asked()).answer("quiet");
  expect((await ran).reply?.status).toBe("ok");
  expect(value(await client.execute("viaSilent"))).toBe("'quiet'");
});

test("an interrupt ends the wait, and the answer that comes too late goes to nobody", async () => {
  const ran = client.execute('await input("first")', ASKING);
  const late = await client.asked();
  await client.request("control", "interrupt_request");
  expect((await ran).reply).toMatchObject({ status: "error", ename: "Interrupted" });
  const next = client.execute('await input("second")', ASKING);
  const { answer } = await client.asked();
  await late.answer("for the first");
  await answer("for the second");
  expect(value(await next)).toBe("'for the second'");
});

test("an answer of another front end is not taken", async () => {
  const other = await client.join();
  const ran = client.execute('await input("mine?")', ASKING);
  const { message, answer } = await client.asked();
  await other.send("stdin", { type: "input_reply", content: { value: "theirs" } });
  await other.send("stdin", { type: "input_reply", content: { value: "theirs" }, parent: message.header });
  // On another connection, but only after the kernel has had the two.
  await other.request("shell", "kernel_info_request");
  await answer("mine");
  expect(value(await ran)).toBe("'mine'");
  other.leave();
});

test("an answer that is no text is none, and the kernel lives on", async () => {
  const ran = client.execute('await input("text?")', ASKING);
  const { message, answer } = await client.asked();
  await client.send("stdin", { type: "input_reply", content: { value: { toString: 1 } }, parent: message.header });
  await answer("text");
  expect(value(await ran)).toBe("'text'");
});

test("a question goes to the front end that sent the cell", async () => {
  const other = await client.join();
  const theirs = other.execute('await input("of the other")', ASKING);
  const question = await other.asked();
  expect(question.content.prompt).toBe("of the other");
  await question.answer("ok");
  expect(value(await theirs)).toBe("'ok'");
  other.leave();
});

test("a front end without a stdin connection is not waited for", async () => {
  const deaf = await client.join({ stdin: false });
  const { reply } = await deaf.execute('await input("anyone?")', ASKING);
  expect(reply).toMatchObject({
    ename: "StdinNotImplementedError",
    evalue: "the front end does not listen on stdin: nobody can be asked",
  });
  deaf.leave();
});

test("when the front end that was asked has gone, another one can end the wait", async () => {
  const leaving = await client.join();
  await leaving.send("shell", {
    type: "execute_request",
    content: { code: 'await input("still there?")', ...ASKING },
  });
  const { message } = await leaving.asked();
  leaving.leave();
  await client.request("control", "interrupt_request");
  const ofCell = (m: Seen) => m.parentHeader.msg_id === message.parentHeader.msg_id;
  await client.seen((m) => ofCell(m) && m.content.execution_state === "idle");
  expect(value(await client.execute("1 + 1"))).toBe("2");
});

test("a cell that has ended cannot ask any more", async () => {
  await client.execute(
    'void new Promise((done) => setTimeout(done, 50)).then(() => input("late")).catch((e) => console.log(e.message));',
    ASKING,
  );
  await client.published("stream", "the cell has ended: nobody can be asked any more");
});

test("reading process.stdin is an error that names the way, and looking at it is none", async () => {
  const code = "import { createInterface } from 'node:readline/promises';\ncreateInterface({ input: process.stdin });";
  const { reply } = await client.execute(code);
  expect(reply?.evalue).toContain("process.stdin cannot be read in a notebook; use `await input(");
  expect(reply?.traceback.join("\n")).toMatch(/In\[\d+\]:2:1/);
  expect((await client.execute("for await (const line of process.stdin) console.log(line);")).reply?.evalue).toContain(
    "process.stdin cannot be read",
  );
  expect(value(await client.execute("process.stdin.isTTY ?? false"))).toBe("false");
});
