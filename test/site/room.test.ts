/**
 * The room of a figure's picture when a run puts a higher one there, and the button that shows all of it.
 */
// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { Room } from "../../site/live/room.ts";

/** A figure whose picture is higher than its room; the room's height is fixed. */
function tooHigh() {
  document.body.innerHTML = '<figure><div class="ptlab-picture"></div></figure>';
  const picture = document.querySelector<HTMLElement>(".ptlab-picture")!;
  picture.getBoundingClientRect = () => ({ height: 100 }) as DOMRect;
  Object.defineProperties(picture, { clientHeight: { value: 100 }, scrollHeight: { value: 200 } });
  const room = new Room(document.querySelector("figure")!);
  room.keep(() => picture.replaceChildren("higher"));
  const more = () => [...picture.querySelectorAll("button")].map((button) => button.textContent);
  return { picture, room, more };
}

test("a picture that is too high gets a button that shows all of it and goes", () => {
  const { picture, more } = tooHigh();
  expect([more(), picture.style.blockSize]).toEqual([["Show all of the picture"], "100px"]);
  picture.querySelector("button")!.click();
  expect([more(), picture.style.blockSize]).toEqual([[], ""]);
});

test("where the room is released, as by another width of the window, the button goes too", () => {
  const { picture, room, more } = tooHigh();
  room.release();
  expect([more(), picture.style.blockSize]).toEqual([[], ""]);
});
