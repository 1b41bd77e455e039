// The page of a cohort: one table, which sorts and filters.
"use strict";

function caseCell(row) {
  return row.page ? element("a", { href: row.page }, row.case) : row.case;
}

function pictureCell(row) {
  return row.picture ? element("img", { src: row.picture, alt: `Vessels of ${row.case} from the front`, loading: "lazy", decoding: "async", width: 62, height: 48 }) : "";
}

function worstCell(row) {
  if (row.worst === null || row.worst === undefined) return "–";
  const bar = element("i");
  bar.style.width = `${row.worst}%`;
  return element("span", {}, element("span", { className: "meter", "aria-hidden": "true" }, bar), `${fixed(row.worst, 0)} %`);
}

const COLUMNS = [
  { key: "case", title: "Case", text: true, cell: caseCell },
  { key: "picture", title: "Vessels", text: true, cell: pictureCell, still: true },
  { key: "status", title: "Status", text: true, cell: (row) => element("span", { className: `status ${row.status}` }, row.status) },
  { key: "volume_mm3", title: "Lumen", unit: "mm³", digits: 0 },
  { key: "length_mm", title: "Centreline", unit: "mm", digits: 0 },
  { key: "dominance", title: "Dominance", text: true },
  { key: "worst", title: "Most narrowed", unit: "diameter", cell: worstCell },
  { key: "worst_branch", title: "There", text: true },
  { key: "narrowed_50", title: "Narrowed vessels", unit: "by 50 %", digits: 0 },
  { key: "warnings", title: "Warnings", digits: 0 },
  { key: "reason", title: "What to know", text: true, long: true },
];
const ORDER = { failed: 0, empty: 1, ok: 2 };

function start() {
  startTheme();
  byId("name").textContent = data.name;
  byId("summary").hidden = !data.summary;
  const count = (status) => data.rows.filter((row) => row.status === status).length;
  const parts = [`${data.rows.length} ${data.rows.length === 1 ? "case" : "cases"}`, ...["failed", "empty"].filter(count).map((status) => `${count(status)} ${status}`)];
  byId("counts").textContent = parts.join(", ");
  data.rows.sort((a, b) => ORDER[a.status] - ORDER[b.status] || compared(a.case, b.case));
  for (const row of data.rows) {
    row.text = [row.case, row.status, row.dominance, row.worst_branch, row.reason].join(" ").toLowerCase();
  }
  const { table, end, keep } = sortedTable("Cases", COLUMNS, data.rows, { step: 60 });
  byId("cases").append(table, end);

  function filter() {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = byId("status").value, least = Number(byId("least").value), warned = byId("warned").value;
    const left = keep((row) => words.every((word) => row.text.includes(word)) && (!status || row.status === status) &&
      (!least || (row.worst ?? 0) >= least) && (!warned || (warned === "yes") === row.warnings > 0));
    byId("left").textContent = left === data.rows.length ? "" : `${left} of ${data.rows.length} shown`;
  }
  for (const id of ["find", "status", "least", "warned"]) byId(id).addEventListener("input", filter);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  document.documentElement.dataset.ready = "true";
}

start();
