// Shows what a word, a source, a figure or a note is when a reader points at it, comes to it by keyboard, or taps it. What is
// shown stands in the page; without this script the links lead to it.
import { Tip } from "../tip.ts";

const tip = new Tip("ptlab-explains");

/** A tap shows what a link is about; the next one follows it. */
let byTouch = false;

const markOf = (target: EventTarget | null): HTMLElement | undefined =>
  (target as Element | null)?.closest?.<HTMLElement>("[data-tip]") ?? undefined;

function show(mark: HTMLElement): void {
  const said = document.getElementById(mark.dataset.tip!);
  if (said) tip.show(mark, () => copyOf(said));
}

/** Its content without the links that lead back and without names that the page has already. */
function copyOf(said: HTMLElement): Node[] {
  const copy = said.cloneNode(true) as HTMLElement;
  for (const back of copy.querySelectorAll(".ptlab-back")) back.remove();
  for (const named of copy.querySelectorAll("[id]")) named.removeAttribute("id");
  return [...copy.childNodes];
}

document.addEventListener("pointerdown", ({ pointerType }) => {
  byTouch = pointerType === "touch";
});
document.addEventListener("pointerover", ({ target, pointerType }) => {
  const mark = markOf(target);
  if (mark && pointerType !== "touch") show(mark);
});
document.addEventListener("pointerout", ({ target, pointerType }) => {
  const mark = markOf(target);
  if (mark && pointerType !== "touch" && !mark.matches(":focus-visible")) tip.leave();
});
document.addEventListener("focusin", ({ target }) => {
  const mark = markOf(target);
  if (mark?.matches(":focus-visible")) show(mark);
});
document.addEventListener("focusout", ({ target }) => {
  if (markOf(target)) tip.hide();
});
document.addEventListener("click", (event) => {
  const mark = markOf(event.target);
  if (mark && byTouch && mark !== tip.anchor) {
    event.preventDefault();
    show(mark);
  } else if (!tip.holds(event.target)) tip.hide();
});
