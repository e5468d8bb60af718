import { Window } from "happy-dom";
import { expect, test } from "vitest";
import { toHtmlTable } from "../../src/figure/table.ts";
import { groupedBars } from "./samples.ts";

function table(html: string): Element {
  const { document } = new Window();
  document.body.innerHTML = html;
  return document.querySelector("table") as unknown as Element;
}

test("the data table has a caption, headers with scope and basis, and a row header in every row", () => {
  const t = table(toHtmlTable(groupedBars()));
  expect(t.querySelector("caption")!.textContent).toBe("Slots written by operation (fewer slots written)");
  const heads = [...t.querySelectorAll("thead th")];
  expect(heads.map((th) => th.textContent)).toEqual(["Operation", "Policy", "Slots written (counted)"]);
  expect(heads.every((th) => th.getAttribute("scope") === "col")).toBe(true);
  expect(t.querySelectorAll('tbody th[scope="row"]').length).toBe(9);
  expect(t.querySelector("tbody td.number")!.textContent).toBe("262144");
});

test("markup in a cell stays text", () => {
  const html = toHtmlTable(groupedBars({ rows: [{ op: "<img src=x onerror=alert(1)>", policy: '"&', slots: 1 }] }));
  expect(html).not.toContain("<img");
  expect(table(html).querySelector("tbody th")!.textContent).toBe("<img src=x onerror=alert(1)>");
});
