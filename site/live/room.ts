// The room that a figure takes on its page. What a run puts there may be higher or lower than what was there before, and
// nothing else must move: neither the text that is being read nor the control that is being moved.

/** Parts that keep their height. The caption and the stamp have a line to spare (see the style sheet). */
const PARTS = ".ptlab-picture, figcaption, .ptlab-stamp";

/** Keeps the places of a figure's parts while runs change what they hold. */
export class Room {
  readonly #parts: readonly HTMLElement[];

  constructor(figure: HTMLElement) {
    this.#parts = [...figure.querySelectorAll<HTMLElement>(PARTS)];
  }

  /** Replaces content without moving what is around it. */
  keep(replace: () => void): void {
    for (const part of this.#parts) hold(part);
    replace();
    for (const part of this.#parts) settle(part);
  }

  /** Lets every part take the room that it needs. */
  release = (): void => {
    for (const part of this.#parts) release(part);
  };
}

function hold(part: HTMLElement): void {
  const { height } = part.getBoundingClientRect();
  // Of the wide and the narrow picture one is not shown and has no height to keep.
  if (part.style.blockSize === "" && height > 0) part.style.blockSize = `${height}px`;
}

/** A picture that is too high scrolls in its room until the reader wants all of it; text gets the room that it needs. */
function settle(part: HTMLElement): void {
  if (part.scrollHeight <= part.clientHeight + 1) return;
  if (!part.classList.contains("ptlab-picture")) return release(part);
  const more = document.createElement("button");
  more.type = "button";
  more.className = "ptlab-more";
  more.textContent = "Show all of the picture";
  more.addEventListener("click", () => release(part));
  part.append(more);
}

function release(part: HTMLElement): void {
  part.style.blockSize = "";
  part.querySelector(".ptlab-more")?.remove();
}
