// Waits for the reader's first press of a button of a cell. All that is heavy is loaded then, or where edits wait to be shown again.
import { hasEdits } from "./edits.ts";

const loaded = () => import("./page/notebook.ts").then(({ notebook }) => notebook());

document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element ? target.closest<HTMLElement>("[data-cell], [data-cells]") : null;
  if (button === null) return;
  const cell = button.closest<HTMLElement>(".ptlab-cell");
  const cells = await loaded();
  if (button.dataset.cells !== undefined) cells.actOnAll(button.dataset.cells);
  else if (cell !== null) cells.act(cell, button.dataset.cell!);
});

if (hasEdits()) loaded();
