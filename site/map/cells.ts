// The cells of a drawn map as something to move among: one of them can be reached by Tab, arrow keys go to its neighbours, and each
// has the name that the picture gives it. Works on any picture of the map that stands in a page.

/** What is asked for with a cell. */
export interface CellHooks {
  /** A cell was entered by click or key; its place among the cells. */
  readonly enter: (index: number) => void;
  readonly leave: () => void;
  /** A cell has got the focus or the pointer: its name in words. */
  readonly name: (words: string) => void;
}

/** Makes the pictures below an element answer to pointer and keys, those too that are drawn later; `armCells` must then be called. */
export function listen(root: HTMLElement, hooks: CellHooks): void {
  const cellOf = (event: Event) => (event.target as Element).closest<SVGElement>(".ptlab-cells rect");
  root.addEventListener("click", (event) => {
    const cell = cellOf(event);
    if (cell) enter(cell, hooks);
  });
  root.addEventListener("pointerover", (event) => {
    const cell = cellOf(event);
    if (cell) hooks.name(nameOf(cell));
  });
  root.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    moveTabStop(cell);
    hooks.name(nameOf(cell));
  });
  root.addEventListener("keydown", (event) => {
    const cell = cellOf(event);
    if (cell && !event.ctrlKey && !event.altKey && !event.metaKey && answer(event.key, cell, hooks))
      event.preventDefault();
  });
}

/** Gives the cells of freshly drawn pictures their roles and names. */
export function armCells(root: HTMLElement): void {
  for (const svg of root.querySelectorAll<SVGElement>(".ptlab-picture svg")) {
    const cells = cellsIn(svg);
    if (cells.length === 0) continue;
    // What stands in an image is not there for those who do not see it.
    svg.setAttribute("role", "group");
    // Groups of marks say what they are; that is allowed in an image only.
    for (const group of svg.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
    const role = cells[0]!.closest(".ptlab-zoom") ? "button" : "img";
    cells.forEach((cell, i) => {
      cell.setAttribute("role", role);
      cell.setAttribute("aria-label", nameOf(cell));
      cell.setAttribute("tabindex", i === 0 ? "0" : "-1");
    });
  }
}

/** Focuses the cell of a place in the picture that is seen. */
export function focusCell(root: HTMLElement, index: number): void {
  const seen = [...root.querySelectorAll<SVGElement>(".ptlab-picture svg")].find(
    (svg) => svg.getClientRects().length > 0,
  );
  if (seen) cellsIn(seen)[index]?.focus({ preventScroll: true });
}

const cellsIn = (root: Element): SVGElement[] => [...root.querySelectorAll<SVGElement>(".ptlab-cells rect")];

const nameOf = (cell: SVGElement): string => cell.querySelector("title")?.textContent ?? "";

const neighboursOf = (cell: SVGElement): SVGElement[] => cellsIn(cell.closest("svg")!);

function enter(cell: SVGElement, { enter }: CellHooks): void {
  if (cell.closest(".ptlab-zoom")) enter(neighboursOf(cell).indexOf(cell));
}

function moveTabStop(cell: SVGElement): void {
  for (const old of cell.closest("svg")!.querySelectorAll('.ptlab-cells [tabindex="0"]'))
    old.setAttribute("tabindex", "-1");
  cell.setAttribute("tabindex", "0");
}

/** Whether a key means something here. */
function answer(key: string, cell: SVGElement, hooks: CellHooks): boolean {
  if (key === "Enter" || key === " ") enter(cell, hooks);
  else if (key === "Escape" || key === "Backspace") hooks.leave();
  else {
    const target = targetOf(key, cell);
    target?.focus();
    return target !== undefined;
  }
  return true;
}

/** The cell that an arrow, Home or End leads to; undefined for any other key. */
function targetOf(key: string, cell: SVGElement): SVGElement | undefined {
  const cells = neighboursOf(cell);
  const at = cells.indexOf(cell);
  switch (key) {
    case "ArrowRight":
      return cells[at + 1] ?? cell;
    case "ArrowLeft":
      return cells[at - 1] ?? cell;
    case "ArrowDown":
      return below(cell, cells.slice(at + 1)) ?? cell;
    case "ArrowUp":
      return below(cell, cells.slice(0, at).reverse()) ?? cell;
    case "Home":
      return cells[0];
    case "End":
      return cells.at(-1);
    default:
      return undefined;
  }
}

/** Of the cells in the first other line, the one whose middle is nearest. */
function below(cell: SVGElement, further: readonly SVGElement[]): SVGElement | undefined {
  const place = (of: SVGElement, name: string) => Number(of.getAttribute(name));
  const middle = (of: SVGElement) => place(of, "x") + place(of, "width") / 2;
  const next = further.find((other) => place(other, "y") !== place(cell, "y"));
  const line = further.filter((other) => next && place(other, "y") === place(next, "y"));
  const distance = (other: SVGElement) => Math.abs(middle(other) - middle(cell));
  return line.reduce<SVGElement | undefined>(
    (best, other) => (best === undefined || distance(other) < distance(best) ? other : best),
    undefined,
  );
}
