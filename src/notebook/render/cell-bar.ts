/**
 * What a reader can do with a cell of a page and with all of them: part of the page from the start, so that nothing moves when
 * it comes alive. Without script the style sheet hides it.
 */

/** The controls of the `number`th code cell of a page. */
export function cellBar(number: number): string {
  const button = (action: string, text: string, isHidden = false) =>
    `<button type="button" data-cell="${action}" aria-label="${text} cell ${number}"${isHidden ? " hidden" : ""}>${text}</button>`;
  const buttons = [
    button("edit", "Edit"),
    button("run", "Run"),
    button("stop", "Stop", true),
    button("reset", "Reset", true),
  ];
  return `<div class="ptlab-cell-bar not-content" role="group" aria-label="Cell ${number}">${buttons.join("")}<span class="ptlab-cell-status" role="status"></span></div>`;
}

/** The controls of all cells. */
export const pageBar = (): string =>
  `<span class="ptlab-page-bar"><button type="button" data-cells="jupyter">Open in Jupyter</button> <button type="button" data-cells="reset" hidden>Reset all cells</button> <span class="ptlab-cell-status" role="status"></span></span>`;
