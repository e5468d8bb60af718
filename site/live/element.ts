// <ptlab-figure>: brings the controls of a figure to life. The page works without it; it loads the simulator and the
// plotting library only when a reader first moves a control.
import type { LiveParams } from "../../src/figure/live.ts";
import type { Drawn } from "./draw.ts";
import { Simulation, Stopped } from "./simulation.ts";

/** A run that has gone on for longer than this is given up for a newer one, in milliseconds; a shorter one is soon done. */
const OVERTAKE_MS = 300;
/** Rest after the last letter of a text, in milliseconds: words that are half written are mistakes, and those are read aloud. */
const WRITTEN_MS = 700;
/** Runs shorter than this show no progress, in milliseconds. */
const PATIENCE_MS = 150;

const MIME = { svg: "image/svg+xml", csv: "text/csv", txt: "text/plain" } as const;

/** The parts of a figure that a run replaces and Reset restores. */
const PARTS = [
  ".ptlab-wide",
  ".ptlab-narrow",
  "figcaption strong",
  ".ptlab-caption",
  ".ptlab-data .ptlab-scroll",
  ".ptlab-links",
  ".ptlab-stamp",
] as const;

class LiveFigureElement extends HTMLElement {
  readonly #simulation = new Simulation();
  readonly #stored = new Map<string, string>();
  #addresses: string[] = [];
  #settle: ReturnType<typeof setTimeout> | undefined;
  #run = 0;
  /** When the run that is going on began; undefined where none is. */
  #since: number | undefined;
  /** A control was moved during a run. */
  #again = false;

  connectedCallback(): void {
    for (const part of PARTS) this.#stored.set(part, this.#part(part).innerHTML);
    const form = this.#form();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => this.#moved(event.target as HTMLElement));
    this.#button("reset").addEventListener("click", () => this.#reset());
    this.#button("cancel").addEventListener("click", () => this.#simulation.stop());
    form.querySelector("fieldset")!.disabled = false;
    // A browser that comes Back puts the last values into the controls, while the page shows the stored figure.
    addEventListener("pageshow", () => this.#showStored());
  }

  disconnectedCallback(): void {
    this.#simulation.stop();
    this.#forgetFiles();
  }

  #moved(control: HTMLElement): void {
    showValue(control);
    followSample(control);
    clearTimeout(this.#settle);
    if (control instanceof HTMLTextAreaElement) this.#settle = setTimeout(() => this.#rerun(), WRITTEN_MS);
    // A slider in motion gets one run after the other, the last with its last value: ending a run costs all that its worker keeps.
    else if (this.#since !== undefined && performance.now() - this.#since < OVERTAKE_MS) this.#again = true;
    else this.#rerun();
  }

  async #rerun(): Promise<void> {
    const id = this.dataset.live!;
    const params = readParams(this.#form());
    const run = ++this.#run;
    this.#again = false;
    this.#since = performance.now();
    const watch = this.#watch();
    this.#setState("running");
    try {
      const { draw, inputsOf } = await import("./draw.ts");
      const data = await this.#simulation.ask(id, params, inputsOf(id, params), watch.progress);
      const drawn = draw(id, data);
      if (run === this.#run) this.#show(drawn, watch.elapsed());
    } catch (error) {
      if (run === this.#run) this.#failed(error, watch.elapsed());
    } finally {
      watch.end();
      if (run === this.#run) {
        this.#since = undefined;
        if (this.#again) this.#rerun();
      }
    }
  }

  #show(drawn: Drawn, elapsed: string): void {
    this.#part(".ptlab-wide").innerHTML = drawn.wide;
    this.#part(".ptlab-narrow").innerHTML = drawn.narrow;
    this.#part("figcaption strong").textContent = drawn.title;
    this.#part(".ptlab-caption").textContent = drawn.caption;
    this.#part(".ptlab-data .ptlab-scroll").innerHTML = drawn.table;
    this.#part(".ptlab-stamp").textContent = drawn.stamp;
    this.#offerFiles(drawn.files);
    this.#setState("live");
    this.#say(`Computed on your machine in ${elapsed}.`, drawn.alt);
  }

  #failed(error: unknown, elapsed: string): void {
    if (error instanceof Stopped) {
      this.#setState("stopped");
      this.#say(`Stopped after ${elapsed}; the picture is as it was before.`);
      return;
    }
    this.#setState("error");
    this.#say(`This could not be computed: ${error instanceof Error ? error.message : error}`);
  }

  #showStored(): void {
    if (this.dataset.state === undefined || this.dataset.state === "static") this.#resetControls();
  }

  #resetControls(): void {
    this.#form().reset();
    for (const control of this.#form().querySelectorAll<HTMLElement>("[data-kind]")) showValue(control);
  }

  #reset(): void {
    clearTimeout(this.#settle);
    this.#run++;
    this.#since = undefined;
    this.#again = false;
    this.#simulation.stop();
    this.#resetControls();
    for (const [part, html] of this.#stored) this.#part(part).innerHTML = html;
    this.#forgetFiles();
    this.#setState("static");
    this.#say("The stored figure is shown again.");
  }

  /** Shows how long a run has been going, once it is long enough to be noticed. */
  #watch() {
    const start = performance.now();
    let share = 0;
    const elapsed = () => seconds(performance.now() - start);
    const run = this.#run;
    const tick = setInterval(() => {
      if (run !== this.#run || performance.now() - start < PATIENCE_MS) return;
      this.#button("cancel").hidden = false;
      const percent = share > 0 ? `, ${Math.round(share * 100)} %` : "";
      this.#part(".ptlab-running").textContent = `Running, ${elapsed()}${percent}`;
    }, 100);
    return { elapsed, progress: (done: number) => (share = done), end: () => clearInterval(tick) };
  }

  #setState(state: "static" | "running" | "live" | "stopped" | "error"): void {
    this.dataset.state = state;
    this.#form().setAttribute("aria-busy", String(state === "running"));
    this.#button("reset").hidden = state === "static";
    if (state !== "running") {
      this.#button("cancel").hidden = true;
      this.#part(".ptlab-running").textContent = "";
    }
  }

  /** `summary` is for those who do not see that the picture has changed. */
  #say(message: string, summary = ""): void {
    const hidden = document.createElement("span");
    hidden.className = "sr-only";
    hidden.textContent = ` ${summary}`;
    this.#part(".ptlab-status").replaceChildren(message, hidden);
  }

  #offerFiles(files: Drawn["files"]): void {
    this.#forgetFiles();
    for (const link of this.querySelectorAll<HTMLAnchorElement>("[data-file]")) {
      const kind = link.dataset.file as keyof typeof MIME;
      link.href = URL.createObjectURL(new Blob([files[kind]], { type: MIME[kind] }));
      this.#addresses.push(link.href);
    }
  }

  #forgetFiles(): void {
    for (const address of this.#addresses) URL.revokeObjectURL(address);
    this.#addresses = [];
  }

  #form = (): HTMLFormElement => this.querySelector("form")!;
  #part = (selector: string): HTMLElement => this.querySelector<HTMLElement>(selector)!;
  #button = (action: string): HTMLButtonElement => this.querySelector(`[data-action="${action}"]`)!;
}

/** The value of a slider in words beside it. */
function showValue(control: HTMLElement): void {
  if (!(control instanceof HTMLInputElement) || control.type !== "range") return;
  const output = control.parentElement?.querySelector("output");
  if (output) output.textContent = [control.value, output.dataset.unit].filter(Boolean).join(" ");
}

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Choosing a sample puts it into the text beside it; writing shows that the text is the reader's own. */
function followSample(control: HTMLElement): void {
  if (control instanceof HTMLSelectElement && control.dataset.sampleOf !== undefined) {
    const text = control.selectedOptions[0]?.dataset.text;
    const area = control.parentElement?.querySelector("textarea");
    if (area && text) area.value = text;
  }
  if (!(control instanceof HTMLTextAreaElement)) return;
  const menu = control.parentElement?.querySelector<HTMLSelectElement>("[data-sample-of]");
  if (menu) menu.value = menu.dataset.own!;
}

function readParams(form: HTMLFormElement): LiveParams {
  const params: Record<string, string | number | boolean> = {};
  for (const control of form.querySelectorAll<Control>("[data-kind]")) {
    if (control.dataset.kind === "range") params[control.name] = Number(control.value);
    else if (control instanceof HTMLInputElement && control.type === "checkbox") params[control.name] = control.checked;
    else if (!(control instanceof HTMLInputElement) || control.checked) params[control.name] = control.value;
  }
  return params;
}

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

customElements.define("ptlab-figure", LiveFigureElement);
