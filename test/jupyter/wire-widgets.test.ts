/**
 * Controls as a front end with widgets meets them: models over comms, a figure that is drawn again when one is moved, and
 * nothing of it where nobody hears comms.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";
import { WIDGET_MIME } from "../../src/jupyter/widgets/widgets.ts";
import { runCell } from "./cells.ts";
import { type Answered, type Client, type Content, startClient } from "./wire-client.ts";

let client: Client;

beforeAll(async () => {
  client = await startClient();
  await client.execute(`import { checkbox, controls, html, select, slider, textBox } from "ptlab/jupyter";
    import { defineLive, UserError } from "ptlab";`);
});
afterAll(() => client.close());

/** The models that a cell opened, by id, and what it showed. */
interface Shown {
  readonly models: ReadonlyMap<string, Content>;
  readonly data: Content;
  /** Id of the one model of that name, or of the one with that description. */
  id(name: string, description?: string): string;
}

async function shown(code: string): Promise<Shown> {
  const { reply, of } = await client.execute(code, { allow_stdin: true });
  expect(reply).toMatchObject({ status: "ok" });
  const models = new Map(of("comm_open").map(({ comm_id, data }) => [comm_id as string, data.state as Content]));
  const id: Shown["id"] = (name, description) => {
    const found = [...models].filter(
      ([, state]) =>
        state._model_name === `${name}Model` && (description === undefined || state.description === description),
    );
    expect(found, `${name} ${description}`).toHaveLength(1);
    return found[0]![0];
  };
  return { models, data: of("execute_result")[0]?.data, id };
}

const move = (id: string, state: object): Promise<Answered> =>
  client.request("shell", "comm_msg", { comm_id: id, data: { method: "update", state, buffer_paths: [] } });

/** Last value that a model was given in these messages. */
const lastValue = (answered: Answered, id: string): unknown =>
  answered
    .of("comm_msg")
    .filter(({ comm_id, data }) => comm_id === id && data.method === "update" && "value" in data.state)
    .at(-1)?.data.state.value;

/** The model below the controls that shows the value. */
const outputOf = ({ models, data }: Shown): string => {
  const children: string[] = models.get(data[WIDGET_MIME].model_id)!.children;
  return children.at(-1)!.replace("IPY_MODEL_", "");
};

describe("a control", () => {
  test("is a model with its module, version, style and layout, and a text where there are no widgets", async () => {
    const { models, data, id } = await shown(
      `const order = slider({ label: "order", min: 0, max: 9, value: 4 }); order`,
    );
    const model = models.get(id("IntSlider"));
    expect(data).toMatchObject({ [WIDGET_MIME]: { model_id: id("IntSlider") }, "text/plain": "order: 4" });
    expect(model).toMatchObject({
      ...{ _model_module: "@jupyter-widgets/controls", _model_module_version: "2.0.0", _view_name: "IntSliderView" },
      ...{ min: 0, max: 9, step: 1, value: 4, description: "order" },
      ...{ layout: `IPY_MODEL_${id("Layout")}`, style: `IPY_MODEL_${id("SliderStyle")}` },
    });
  });

  test("sets its value, tells its listeners, and is echoed to every front end", async () => {
    const { id } = await shown(`const told: unknown[] = [];
      const watched = slider({ label: "watched", min: 0, max: 1, step: 0.1 });
      watched.observe((value) => told.push(value));
      watched`);
    const { of } = await move(id("FloatSlider"), { value: 0.30000000000000004 });
    expect(of("comm_msg")).toMatchObject([{ data: { method: "echo_update", state: { value: 0.30000000000000004 } } }]);
    expect((await client.execute("[watched.value, told]")).of("execute_result")[0]?.data["text/plain"]).toBe(
      "[ 0.3, [ 0.3 ] ]",
    );
  });

  test("is moved by the cell", async () => {
    const { id } = await shown(`const pick = select(["a", "b", "c"], { label: "pick" }); pick`);
    const answered = await client.execute(`pick.value = "c";`);
    expect(answered.of("comm_msg")).toMatchObject([
      { comm_id: id("RadioButtons"), data: { method: "update", state: { index: 2 } } },
    ]);
  });

  test("ignores what is no value of it", async () => {
    const { id } = await shown(`const strict = checkbox(true, { label: "strict" }); strict`);
    await move(id("Checkbox"), { value: "nonsense" });
    expect((await client.execute("strict.value")).of("execute_result")[0]?.data["text/plain"]).toBe("true");
  });

  test("gives its state to a front end that asks, and all states to one that was loaded anew", async () => {
    const { id } = await shown(`slider({ label: "asked", min: 3, max: 5 })`);
    const asked = await client.request("shell", "comm_msg", {
      comm_id: id("IntSlider"),
      data: { method: "request_state" },
    });
    expect(asked.of("comm_msg")).toMatchObject([{ data: { method: "update", state: { min: 3, max: 5 } } }]);
    await client.request("shell", "comm_open", { comm_id: "control", target_name: "jupyter.widget.control", data: {} });
    const all = await client.request("shell", "comm_msg", {
      comm_id: "control",
      data: { method: "request_states" },
    });
    expect(all.of("comm_msg")[0]?.data).toMatchObject({
      method: "update_states",
      states: { [id("IntSlider")]: { model_name: "IntSliderModel", state: { min: 3, max: 5, value: 3 } } },
    });
  });
});

describe("controls", () => {
  test("show the value of a function below an input for each parameter", async () => {
    const made = await shown(`controls(
      { order: slider({ min: 0, max: 9 }), deep: checkbox(), note: textBox("x") },
      ({ order, deep, note }) => html(\`<b>\${order} \${deep} \${note}</b>\`),
    )`);
    expect(made.data["text/html"]).toBe("<b>0 false x</b>");
    expect(made.models.get(outputOf(made))?.value).toBe("<b>0 false x</b>");
    expect(made.models.get(made.id("Checkbox"))?.description).toBe("deep");
    const moved = await move(made.id("IntSlider"), { value: 7 });
    expect(lastValue(moved, outputOf(made))).toBe("<b>7 false x</b>");
    const again = await move(made.id("Textarea"), { value: "<y>" });
    expect(lastValue(again, outputOf(made))).toBe("<b>7 false <y></b>");
  });

  test("show the last of many quick moves and drop those between", async () => {
    const made = await shown(`const drawn: number[] = [];
      const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
      controls({ n: slider({ min: 0, max: 100 }) }, async ({ n }) => {
        drawn.push(n);
        if (n === 1) { console.log("drawing"); await gate; }
        return html("n " + n);
      })`);
    const first = move(made.id("IntSlider"), { value: 1 });
    await client.published("stream", "drawing");
    const moves = Array.from({ length: 99 }, (_, i) => move(made.id("IntSlider"), { value: i + 2 }));
    // Cells come after messages that were sent before them.
    await client.execute("openGate();");
    const answers = await Promise.all([first, ...moves]);
    expect((await client.execute("drawn")).of("execute_result")[0]?.data["text/plain"]).toBe("[ 0, 1, 100 ]");
    expect(lastValue(answers.at(-1)!, outputOf(made))).toBe("n 100");
  });

  test("say a user's mistake beside the value, and show any other error also as one", async () => {
    const made = await shown(`controls({ bad: select(["fine", "mistake", "broken"]) }, ({ bad }) => {
      if (bad === "mistake") throw new UserError("no such thing");
      if (bad === "broken") throw new RangeError("too far");
      return html(bad);
    })`);
    const mistake = await move(made.id("RadioButtons"), { index: 1 });
    expect(JSON.stringify(mistake.of("comm_msg"))).toContain("This could not be computed: no such thing");
    expect(mistake.of("error")).toEqual([]);
    const broken = await move(made.id("RadioButtons"), { index: 2 });
    expect(broken.of("error")).toMatchObject([{ ename: "RangeError", evalue: "too far" }]);
    expect(lastValue(await move(made.id("RadioButtons"), { index: 0 }), outputOf(made))).toBe("fine");
  });

  test("go back to the first value for good, also while they compute another", async () => {
    const made = await shown(`const { promise: slow, resolve: endSlow } = Promise.withResolvers<void>();
      controls({ n: slider({ min: 0, max: 9 }) }, async ({ n }) => {
        if (n > 0) { console.log("slow"); await slow; }
        return html("n " + n);
      })`);
    const slow = move(made.id("IntSlider"), { value: 3 });
    await client.published("stream", "slow");
    const click = { method: "custom", content: { event: "click" } };
    const reset = await client.request("shell", "comm_msg", { comm_id: made.id("Button"), data: click });
    expect(lastValue(reset, outputOf(made))).toBe("n 0");
    await client.execute("endSlow();");
    expect(lastValue(await slow, outputOf(made))).toBeUndefined();
  });

  test("can be interrupted while they compute, say so, and compute again", async () => {
    const made = await shown(`controls({ n: slider({ min: 0, max: 9 }) }, ({ n }) => {
      if (n === 5) { console.log("endless"); while (true) {} }
      return html("n " + n);
    })`);
    const endless = move(made.id("IntSlider"), { value: 5 });
    await client.published("stream", "endless");
    const waiting = [7, 8, 9].map((value) => move(made.id("IntSlider"), { value }));
    await client.request("control", "interrupt_request");
    expect(JSON.stringify((await endless).of("comm_msg"))).toContain("Stopped");
    await Promise.all(waiting);
    expect(lastValue(await move(made.id("IntSlider"), { value: 6 }), outputOf(made))).toBe("n 6");
  });
});

describe("a cell that is run anew", () => {
  const run = async (code: string, cellId: string) => {
    const answered = await client.request(
      ...(["shell", "execute_request", { code, allow_stdin: true }, { metadata: { cellId } }] as const),
    );
    expect(answered.reply).toMatchObject({ status: "ok" });
    return answered;
  };
  const comms = async () => Object.keys((await client.request("shell", "comm_info_request", {})).reply?.comms);
  const moves = (answered: Answered) =>
    answered
      .of("stream")
      .map(({ text }) => text)
      .join("");

  test("closes the controls that it has shown: one move computes once, and the input of another cell stays", async () => {
    await run(`const shared = slider({ label: "shared", min: 0, max: 9 });`, "input");
    const other = await run("shared", "view");
    const slider = other.of("execute_result")[0]?.data[WIDGET_MIME].model_id;
    const code = `controls({ shared }, ({ shared }) => { console.log("move " + shared); return html("n " + shared); })`;
    await run(code, "panel");
    const once = await comms();
    for (let i = 0; i < 4; i++) await run(code, "panel");
    expect(await comms()).toHaveLength(once.length);
    expect(await comms()).toContain(slider);
    expect(moves(await move(slider, { value: 3 }))).toBe("move 3\n");
  });

  test("closes also the inputs that nothing shows any more", async () => {
    const before = (await comms()).length;
    const code = `textBox("own", { label: "own" })`;
    await run(code, "alone");
    await run(code, "alone");
    await run(`await ${LIVE}.make({}, {})`, "alone");
    await run(`await ${LIVE}.make({}, {})`, "alone");
    await run("'nothing to move'", "alone");
    expect(await comms()).toHaveLength(before);
  });

  test("shows an input of another cell again that all had let go", async () => {
    await run(`const kept = slider({ label: "kept", min: 0, max: 9 });`, "kept input");
    const view = `controls({ kept }, ({ kept }) => { console.log("move " + kept); return html("kept " + kept); })`;
    await run(view, "kept view");
    const again = await run(view, "kept view");
    const [opened] = again.of("comm_open").filter(({ data }) => data.state.description === "kept");
    expect(moves(await move(opened?.comm_id, { value: 4 }))).toBe("move 4\n");
  });

  test("leaves alone what another cell has shown", async () => {
    const first = await run(`slider({ label: "first", min: 0, max: 9 })`, "one");
    await run(`slider({ label: "second", min: 0, max: 9 })`, "two");
    expect(await comms()).toContain(first.of("execute_result")[0]?.data[WIDGET_MIME].model_id);
  });
});

const LIVE = `defineLive({
  id: "mine",
  title: "Mine",
  params: {
    pages: { kind: "range", label: "Pages", min: 1, max: 9, step: 1, default: 2, unit: "pages" },
    size: { kind: "choice", label: "Size", options: ["4K", "16K", "64K", "2M", "1G"], default: "4K" },
    cached: { kind: "toggle", label: "Cached", default: false },
    script: { kind: "text", label: "Script", default: "one", max: 100, samples: { first: "one", second: "two" } },
  },
  inputs: [],
  run: ({ pages, size }) => ({
    title: size + " pages", caption: "As many as chosen.", alt: "One bar.", better: "more is better",
    columns: [{ key: "n", label: "n", definition: "How many.", basis: "counted" }],
    rows: [{ n: pages }],
    origin: { designs: [], workload: "none", params: {}, seed: null, input: null },
  }),
  plot: (plot, frame) => ({ y: frame.axis("n"), marks: [plot.barY(frame.rows, { y: "n" })] }),
})`;

describe("a live figure", () => {
  test("has the controls of its page, set to what it was made with, and the static forms beside them", async () => {
    const made = await shown(`await ${LIVE}.make({ pages: 3 }, {})`);
    expect(Object.keys(made.data)).toEqual(
      expect.arrayContaining([WIDGET_MIME, "image/svg+xml", "text/html", "text/plain"]),
    );
    expect(made.models.get(made.id("IntSlider"))).toMatchObject({ description: "Pages, pages", value: 3, max: 9 });
    expect(made.models.get(made.id("Dropdown", "Size"))).toMatchObject({
      _options_labels: ["4K", "16K", "64K", "2M", "1G"],
    });
    expect(made.models.get(made.id("Dropdown", "Script"))).toMatchObject({
      _options_labels: ["first", "second", "your own"],
      index: 0,
    });
    expect(made.models.get(made.id("Checkbox"))).toMatchObject({ description: "Cached", value: false });
  });

  test("is drawn again when a control is moved, and reset to what the cell made", async () => {
    const made = await shown(`const mine = ${LIVE}; await mine.make({ pages: 3 }, {})`);
    const output = outputOf(made);
    const first = made.models.get(output)?.value;
    const moved = lastValue(await move(made.id("Dropdown", "Size"), { index: 3 }), output);
    expect(moved).toContain("2M pages");
    expect(moved).not.toBe(first);
    const click = { method: "custom", content: { event: "click" } };
    const reset = await client.request("shell", "comm_msg", { comm_id: made.id("Button"), data: click });
    expect(lastValue(reset, output)).toBe(first);
    expect(JSON.stringify(reset.of("comm_msg"))).toContain('"index":0');
  });

  test("a chosen sample fills the text, and a written text is the reader's own", async () => {
    const made = await shown(`await ${LIVE}.make({}, {})`);
    const [menu, text] = [made.id("Dropdown", "Script"), made.id("Textarea")];
    const chosen = await move(menu, { index: 1 });
    expect(lastValue(chosen, text)).toBe("two");
    expect(lastValue(chosen, outputOf(made))).toContain("<svg");
    const written = await move(text, { value: "three" });
    expect(JSON.stringify(written.of("comm_msg").filter(({ comm_id }) => comm_id === menu))).toContain('"index":2');
  });

  test("in the place of another display is drawn without controls", async () => {
    const { of } = await client.execute(
      `import { display } from "ptlab/jupyter";
       const replaced = await display("before");
       await replaced.update(await ${LIVE}.make({}, {}));`,
      { allow_stdin: true },
    );
    expect(of("comm_open")).toEqual([]);
    expect(of("update_display_data")[0]?.data["text/html"]).toContain("<svg");
  });

  test("inside other controls is drawn without controls of its own", async () => {
    const made = await shown(`const inner = ${LIVE};
      controls({ pages: slider({ min: 1, max: 9 }) }, ({ pages }) => inner.make({ pages }, {}))`);
    made.id("IntSlider");
    const moved = await move(made.id("IntSlider"), { value: 5 });
    expect(moved.of("comm_open")).toEqual([]);
    expect(lastValue(moved, outputOf(made))).toContain("<svg");
  });

  test("is shown as the figure of its defaults when it is itself the value", async () => {
    const made = await shown(LIVE);
    expect(made.data["text/plain"]).toContain("4K pages");
    expect(made.data).toHaveProperty([WIDGET_MIME]);
  });

  test("has its picture and no controls in a front end that takes no input: nobody is there to move them", async () => {
    const { of } = await client.execute(LIVE, { allow_stdin: false });
    expect(of("comm_open")).toEqual([]);
    expect(Object.keys(of("execute_result")[0]?.data)).not.toContain(WIDGET_MIME);
    expect(of("execute_result")[0]?.data["text/html"]).toContain("<svg");
    const any = await client.execute(`controls({ n: slider({ min: 1, max: 2 }) }, ({ n }) => html("n " + n))`);
    expect(any.of("execute_result")).toMatchObject([{ data: { "text/html": "n 1" } }]);
    expect(any.of("comm_open")).toEqual([]);
  });
});

test("a stored run has no widgets: the same bytes twice, and no message to a front end", async () => {
  const session = startSession(PROJECT_ROOT);
  try {
    const cell = `import { defineLive } from "ptlab"; import { controls, html, slider } from "ptlab/jupyter";
      const live = ${LIVE};`;
    await runCell(session, cell);
    const [first, second] = [
      await runCell(session, "await live.make({}, {})"),
      await runCell(session, "await live.make({}, {})"),
    ];
    const [a, b] = [first, second].map(({ outputs: [output] }) =>
      output?.output_type === "execute_result" ? output.data : {},
    );
    expect(a).not.toHaveProperty([WIDGET_MIME]);
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    const { outputs } = await runCell(
      session,
      `controls({ n: slider({ min: 1, max: 2 }) }, ({ n }) => html("n " + n))`,
    );
    expect(outputs).toMatchObject([{ data: { "text/html": "n 1" } }]);
    expect([...session.comms]).toEqual([]);
  } finally {
    await session.close();
  }
});
