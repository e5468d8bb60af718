// <ptlab-figure>: brings the controls of a figure to life. The page works without it; it loads the simulator and the
// plotting library only when a reader first moves a control.
import { OWN_CAPTURE } from "../../src/figure/live/own-capture.ts";
import type { LiveParams } from "../../src/figure/live.ts";
import { messageOf } from "../errors.ts";
import { seconds } from "../seconds.ts";
import { changedParams, figuresIn, MOST_QUERY, paramsIn, withParams } from "./address.ts";
import type { Drawn } from "./draw.ts";
import type { ExportsElement } from "./exports.ts";
import "./exports.ts";
import { readParams, resetParams, showBeside, writeParams } from "./form.ts";
import { Room } from "./room.ts";
import { Simulation } from "./simulation.ts";

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

/** A run that is going on, and the values that it is for. */
interface Run {
  readonly since: number;
  readonly params: LiveParams;
}

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
  #going: Run | undefined;
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
    this.#button("cancel").addEventListener("click", () => this.#stop());
    form.querySelector("fieldset")!.disabled = false;
    resetParams(form);
    this.#values = this.#shown = readParams(form);
    // A browser that comes Back puts the last values into the controls, while the page shows the stored figure.
    addEventListener("pageshow", this.#showStored);
    addEventListener("popstate", this.#cameBy);
    markVisited();
    this.#follow();
  }

  disconnectedCallback(): void {
    this.#endRun();
    clearTimeout(this.#addressing);
    removeEventListener("resize", this.#room.release);
    removeEventListener("pageshow", this.#showStored);
    removeEventListener("popstate", this.#cameBy);
  }

  /** A link to a place on the page makes a new entry of the history; Back and Forward come to one that was visited. */
  #cameBy = ({ state }: PopStateEvent): void => {
    const isBack = state?.[VISITED] === true;
    markVisited();
    // What is shown now is not what that entry names.
    if (isBack) clearTimeout(this.#addressing);
    if (isBack || this.#going === undefined) this.#follow();
  };

  /** Makes the figure the one that the address asks for. */
  async #follow(): Promise<void> {
    let run = this.#going;
    try {
      const wanted = { ...this.#values, ...paramsIn(location.search, this.#figure().id, this.#values) };
      if (isEmpty(changedParams(run?.params ?? this.#shown, wanted))) return;
      if (isEmpty(changedParams(this.#values, wanted))) return this.#reset();
      if (isEmpty(changedParams(this.#shown, wanted))) return this.#leaveRun();
      if (location.hash === "" && figuresIn(location.search)[0] === this.#figure().id) this.scrollIntoView();
      this.#endRun();
      run = this.#begin(wanted);
      const { checkParams } = await import("./draw.ts");
      checkParams(this.dataset.live!, wanted);
      if (run !== this.#going) return;
      writeParams(this.#form(), wanted);
      await this.#rerun("from the link ");
    } catch (error) {
      if (run !== this.#going) return;
      this.#endRun();
      this.#fail(`The link cannot be followed: ${messageOf(error)}`);
    }
  }

  #moved(control: HTMLElement): void {
    showBeside(control);
    clearTimeout(this.#settle);
    if (control instanceof HTMLTextAreaElement) this.#settle = setTimeout(() => this.#rerun(), WRITTEN_MS);
    // A slider in motion gets one run after the other, the last with its last value: ending a run costs all that its worker keeps.
    else if (this.#going && performance.now() - this.#going.since < OVERTAKE_MS) this.#again = true;
    else this.#rerun();
  }

  /** `reason` is what the status says about why, with a space at its end. */
  async #rerun(reason = ""): Promise<void> {
    const id = this.dataset.live!;
    const params = readParams(this.#form());
    const run = this.#begin(params);
    const watch = this.#watch(run);
    try {
      const { draw, inputsOf } = await import("./draw.ts");
      if (run !== this.#going) return;
      const data = await this.#simulation.ask(this, id, params, inputsOf(id, params), watch.progress);
      if (run !== this.#going) return;
      const drawn = draw(id, data);
      this.#room.keep(() => this.#show(drawn, params));
      if (reason === "") this.#writeAddress();
      this.#say(`Computed on your machine ${reason}in ${elapsed(run)}${this.#otherSources(drawn)}.`, drawn.alt);
    } catch (error) {
      if (run === this.#going) this.#fail(`This could not be computed: ${messageOf(error)}`);
    } finally {
      watch.end();
      if (run === this.#going) this.#ended();
    }
  }

  #begin(params: LiveParams): Run {
    const run = { since: performance.now(), params };
    this.#going = run;
    this.#again = false;
    this.#setState("running");
    return run;
  }

  #ended(): void {
    this.#going = undefined;
    if (this.#again) this.#rerun();
  }

  /** Ends the run that is going on, if any is, and what was to come after it. */
  #endRun(): void {
    clearTimeout(this.#settle);
    this.#again = false;
    this.#going = undefined;
    this.#simulation.stop(this);
  }

  #stop(): void {
    const run = this.#going;
    if (run === undefined) return;
    this.#endRun();
    this.#setState("stopped");
    this.#say(`Stopped after ${elapsed(run)}; the picture is as it was before.`);
  }

  /** Ends a run whose values the address no longer asks for: what is shown stays. */
  #leaveRun(): void {
    this.#endRun();
    writeParams(this.#form(), this.#shown);
    this.#setState("live");
    this.#say("The run was stopped: the address asks for what is shown.");
  }

  #show(drawn: Drawn, params: LiveParams): void {
    this.#part(".ptlab-wide").innerHTML = drawn.wide;
    this.#part(".ptlab-narrow").innerHTML = drawn.narrow;
    this.#part("figcaption strong").textContent = drawn.title;
    // With its space: beside it, that would be moved by a longer title, where the caption itself is new.
    this.#part(".ptlab-caption").textContent = ` ${drawn.caption}`;
    this.#part(".ptlab-data .ptlab-scroll").innerHTML = drawn.table;
    this.#part(".ptlab-stamp").textContent = drawn.stamp;
    this.#shown = params;
    this.#exports().offer({ files: drawn.files, query: this.#query("") });
    this.#setState("live");
  }

  /** A figure that other sources compute may differ from the stored one for the same values. */
  #otherSources = ({ source }: Drawn): string =>
    source === this.dataset.source ? "" : ", by other sources than stored";

  #fail(message: string): void {
    this.#setState("error");
    this.#say(message);
  }

  #showStored = (): void => {
    if (this.dataset.state === undefined || this.dataset.state === "static") resetParams(this.#form());
  };

  #reset(): void {
    this.#endRun();
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
  #watch(run: Run) {
    let share = 0;
    const tick = setInterval(() => {
      if (run !== this.#going || performance.now() - run.since < PATIENCE_MS) return;
      this.#button("cancel").hidden = false;
      const percent = share > 0 ? `, ${Math.round(share * 100)} %` : "";
      this.#part(".ptlab-running").textContent = `Running, ${elapsed(run)}${percent}`;
    }, 100);
    return { progress: (done: number) => (share = done), end: () => clearInterval(tick) };
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

/** Marks an entry of the history in its state. */
const VISITED = "ptlab-visited";

function markVisited(): void {
  if (history.state?.[VISITED] !== true) history.replaceState({ ...history.state, [VISITED]: true }, "");
}

const elapsed = ({ since }: Run): string => seconds(performance.now() - since);

const isEmpty = (params: LiveParams): boolean => Object.keys(params).length === 0;

customElements.define("ptlab-figure", LiveFigureElement);
