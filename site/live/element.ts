// <ptlab-figure>: brings the controls of a figure to life. The page works without it; it loads the simulator and the
// plotting library only when a reader first moves a control.
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { LiveParams } from "../../src/figure/live.ts";
import { changedParams, figuresIn, MOST_QUERY, paramsIn, withParams } from "./address.ts";
import type { Drawn } from "./draw.ts";
import type { ExportsElement } from "./exports.ts";
import "./exports.ts";
import { readParams, resetParams, showBeside, writeParams } from "./form.ts";
import { Room } from "./room.ts";
import { Simulation, Stopped } from "./simulation.ts";

/** A run that has gone on for longer than this is given up for a newer one, in milliseconds; a shorter one is soon done. */
const OVERTAKE_MS = 300;
/** Rest after the last letter of a text, in milliseconds: words that are half written are mistakes, and those are read aloud. */
const WRITTEN_MS = 700;
/** Runs shorter than this show no progress, in milliseconds. */
const PATIENCE_MS = 150;
/** Rest after the last run before the address follows, in milliseconds. */
const ADDRESS_MS = 200;

/** The parts of a figure that a run replaces and Reset restores. */
const PARTS = [
  ".ptlab-wide",
  ".ptlab-narrow",
  "figcaption strong",
  ".ptlab-caption",
  ".ptlab-data .ptlab-scroll",
  ".ptlab-stamp",
] as const;

/** For figures that share a worker, because they read one file that may be large. */
const shared = new Simulation();

class LiveFigureElement extends HTMLElement {
  #simulation = shared;
  readonly #stored = new Map<string, string>();
  #room!: Room;
  /** The values of the stored figure, and those of the figure that is shown. */
  #values: LiveParams = {};
  #shown: LiveParams = {};
  #settle: ReturnType<typeof setTimeout> | undefined;
  #addressing: ReturnType<typeof setTimeout> | undefined;
  #run = 0;
  /** When the run that is going on began; undefined where none is. */
  #since: number | undefined;
  /** A control was moved during a run. */
  #again = false;

  connectedCallback(): void {
    if (this.closest("[data-one-worker]") === null) this.#simulation = new Simulation();
    for (const part of PARTS) this.#stored.set(part, this.#part(part).innerHTML);
    this.#room = new Room(this);
    // Another width breaks lines elsewhere, and moves everything anyway.
    addEventListener("resize", this.#room.release);
    const form = this.#form();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => this.#moved(event.target as HTMLElement));
    this.#button("reset").addEventListener("click", () => this.#reset());
    this.#button("cancel").addEventListener("click", () => this.#simulation.stop(this));
    form.querySelector("fieldset")!.disabled = false;
    resetParams(form);
    this.#values = this.#shown = readParams(form);
    // A browser that comes Back puts the last values into the controls, while the page shows the stored figure.
    addEventListener("pageshow", this.#showStored);
    addEventListener("popstate", this.#follow);
    this.#follow();
  }

  disconnectedCallback(): void {
    this.#simulation.stop(this);
    clearTimeout(this.#addressing);
    removeEventListener("resize", this.#room.release);
    removeEventListener("pageshow", this.#showStored);
    removeEventListener("popstate", this.#follow);
  }

  /** Makes the figure the one that the address asks for. */
  #follow = async (): Promise<void> => {
    const run = this.#run;
    try {
      const wanted = { ...this.#values, ...paramsIn(location.search, this.#figure().id, this.#values) };
      if (isEmpty(changedParams(this.#shown, wanted))) return;
      if (isEmpty(changedParams(this.#values, wanted))) return this.#reset();
      if (location.hash === "" && figuresIn(location.search)[0] === this.#figure().id) this.scrollIntoView();
      this.#setState("running");
      const { checkParams } = await import("./draw.ts");
      checkParams(this.dataset.live!, wanted);
      if (run !== this.#run) return;
      writeParams(this.#form(), wanted);
      await this.#rerun("from the link ");
    } catch (error) {
      if (run === this.#run) this.#fail(`The link cannot be followed: ${messageOf(error)}`);
    }
  };

  #moved(control: HTMLElement): void {
    showBeside(control);
    clearTimeout(this.#settle);
    if (control instanceof HTMLTextAreaElement) this.#settle = setTimeout(() => this.#rerun(), WRITTEN_MS);
    // A slider in motion gets one run after the other, the last with its last value: ending a run costs all that its worker keeps.
    else if (this.#since !== undefined && performance.now() - this.#since < OVERTAKE_MS) this.#again = true;
    else this.#rerun();
  }

  /** `reason` is what the status says about why, with a space at its end. */
  async #rerun(reason = ""): Promise<void> {
    const id = this.dataset.live!;
    const params = readParams(this.#form());
    const run = ++this.#run;
    this.#again = false;
    this.#since = performance.now();
    const watch = this.#watch();
    this.#setState("running");
    try {
      const { draw, inputsOf } = await import("./draw.ts");
      const data = await this.#simulation.ask(this, id, params, inputsOf(id, params), watch.progress);
      const drawn = draw(id, data);
      if (run === this.#run) {
        this.#room.keep(() => this.#show(drawn, params));
        if (reason === "") this.#writeAddress();
        this.#say(`Computed on your machine ${reason}in ${watch.elapsed()}${this.#otherSources(drawn)}.`, drawn.alt);
      }
    } catch (error) {
      if (run === this.#run) this.#end(error, watch.elapsed());
    } finally {
      watch.end();
      if (run === this.#run) {
        this.#since = undefined;
        if (this.#again) this.#rerun();
      }
    }
  }

  #show(drawn: Drawn, params: LiveParams): void {
    this.#part(".ptlab-wide").innerHTML = drawn.wide;
    this.#part(".ptlab-narrow").innerHTML = drawn.narrow;
    this.#part("figcaption strong").textContent = drawn.title;
    this.#part(".ptlab-caption").textContent = drawn.caption;
    this.#part(".ptlab-data .ptlab-scroll").innerHTML = drawn.table;
    this.#part(".ptlab-stamp").textContent = drawn.stamp;
    this.#shown = params;
    this.#exports().offer({ files: drawn.files, query: this.#query("") });
    this.#setState("live");
  }

  /** A figure that other sources compute may differ from the stored one for the same values. */
  #otherSources = ({ source }: Drawn): string =>
    source === this.dataset.source ? "" : ", by other sources than stored";

  #end(error: unknown, elapsed: string): void {
    if (!(error instanceof Stopped)) return this.#fail(`This could not be computed: ${messageOf(error)}`);
    this.#setState("stopped");
    this.#say(`Stopped after ${elapsed}; the picture is as it was before.`);
  }

  #fail(message: string): void {
    this.#setState("error");
    this.#say(message);
  }

  #showStored = (): void => {
    if (this.dataset.state === undefined || this.dataset.state === "static") resetParams(this.#form());
  };

  #reset(): void {
    clearTimeout(this.#settle);
    this.#run++;
    this.#since = undefined;
    this.#again = false;
    this.#simulation.stop(this);
    resetParams(this.#form());
    this.#room.release();
    for (const [part, html] of this.#stored) this.#part(part).innerHTML = html;
    this.#shown = this.#values;
    this.#exports().offer(undefined);
    this.#writeAddress();
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
    const status = this.#part(".ptlab-status");
    status.replaceChildren(message, hidden);
    // What is longer than its room is scrolled, and not only by those who have a mouse.
    if (status.scrollHeight > status.clientHeight) status.tabIndex = 0;
    else status.removeAttribute("tabindex");
  }

  /** Puts the values that are shown into the address, a little later: browsers refuse an address that changes too often. */
  #writeAddress(): void {
    clearTimeout(this.#addressing);
    this.#addressing = setTimeout(() => {
      const { search, hash, pathname } = location;
      const id = this.#figure().id;
      const query = this.#query(search) ?? withParams(search, id, {});
      const place = this.#shown === this.#values ? hash : `#${id}`;
      history.replaceState(history.state, "", `${pathname}${query}${place}`);
    }, ADDRESS_MS);
  }

  /** The query with what is shown; undefined where that is too long for an address, or was computed from the reader's own file. */
  #query(search: string): string | undefined {
    if (Object.values(this.#shown).includes(OWN_CAPTURE.choice)) return undefined;
    const query = withParams(search, this.#figure().id, changedParams(this.#values, this.#shown));
    return query.length > MOST_QUERY ? undefined : query;
  }

  #figure = (): HTMLElement => this.querySelector("figure")!;
  #exports = (): ExportsElement => this.querySelector("ptlab-exports")!;
  #form = (): HTMLFormElement => this.querySelector("form")!;
  #part = (selector: string): HTMLElement => this.querySelector<HTMLElement>(selector)!;
  #button = (action: string): HTMLButtonElement => this.querySelector(`[data-action="${action}"]`)!;
}

const isEmpty = (params: LiveParams): boolean => Object.keys(params).length === 0;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

customElements.define("ptlab-figure", LiveFigureElement);
