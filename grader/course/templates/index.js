// Sorting by a click on a column's head, and filters above the table of submissions. The page is
// whole without this: it hides and reorders rows, and writes no markup.
"use strict";

const words = new Intl.Collator("en", { numeric: true });

function value(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.v ?? cell.textContent.trim();
  const number = Number(text.replaceAll(",", "").replace(/%$/, ""));
  return text === "" || Number.isNaN(number) ? text : number;
}

function compare(one, other) {
  if (one === other) return 0;
  if (one === "") return 1; // what is empty stands last
  if (other === "") return -1;
  if (typeof one === "number" && typeof other === "number") return one - other;
  return words.compare(one, other);
}

function sort(table, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, head.cellIndex), row]);
  rows.sort(([one], [other]) => {
    const order = compare(one, other);
    return down && one !== "" && other !== "" ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sorts")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
  }
}

for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const selects = [...form.querySelectorAll("select")];
  const search = form.querySelector("input");
  const count = form.querySelector("output");
  const apply = () => {
    const wanted = search.value.trim().toLowerCase();
    let left = 0;
    rows.forEach((row, at) => {
      const fits =
        texts[at].includes(wanted) &&
        selects.every(
          (each) => !each.value || (row.dataset[each.name] ?? "").split(" ").includes(each.value),
        );
      row.hidden = !fits;
      left += fits;
    });
    count.value = `${left} of ${rows.length}`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const link of document.querySelectorAll(`a[data-pick="${form.id}"]`)) {
    link.addEventListener("click", () => {
      form.reset();
      form.elements.namedItem(link.dataset.name).value = link.dataset.value;
      apply();
    });
  }
  form.hidden = false;
  apply();
}
