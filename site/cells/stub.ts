// Waits for the reader's first press of a button of a cell. All that is heavy is loaded then, or where edits wait to be shown again.
import { hasEdits } from "./edits.ts";

const loaded = () => import("./page/notebook.ts").then(({ notebook }) => notebook());

document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element ? target.closest<HTMLElement>("[data-cell], [data-cells]") : null;
  if (button === null) return;
  const cell = button.closest<HTMLElement>("[data-code-cell]");
  try {
    const cells = await loaded();
    if (button.dataset.cells !== undefined) cells.actOnAll(button.dataset.cells);
    else if (cell !== null) await cells.act(cell, button.dataset.cell!);
  } catch (error) {
    sayFailed(cell, error);
  }
});

if (hasEdits()) loaded().catch((error) => sayFailed(null, error));

/** Of a cell, or of the page as a whole. */
function sayFailed(cell: HTMLElement | null, error: unknown): void {
  const place = cell ?? document.querySelector(".ptlab-page-bar");
  place!.querySelector(".ptlab-cell-status")!.textContent =
    `That did not work: ${(error as Error).message}. Press again to try it again.`;
}
