// What both pages use: the data, elements, numbers, tables that sort, dark and light.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

function byId(id) {
  return document.getElementById(id);
}

// An element with properties, attributes (names with a dash, role, ...) and children; text is never HTML.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// As Python writes it in the findings: halves go to the even digit. Only such a number is exactly half-way.
function fixed(value, digits) {
  if (Math.abs((value * 2 ** (digits + 1)) % 2) !== 1) return value.toFixed(digits);
  return ((2 * Math.round((value * 10 ** digits) / 2)) / 10 ** digits).toFixed(digits);
}

function shown(value, digits) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && digits !== undefined ? fixed(value, digits) : String(value);
}

function terms(list, pairs) {
  for (const [term, value] of pairs) {
    if (value !== null && value !== undefined && value !== "") {
      list.append(element("div", {}, element("dt", {}, term), element("dd", {}, value)));
    }
  }
}

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

function compared(a, b) {
  const empty = (value) => value === null || value === undefined || value === "";
  if (empty(a) || empty(b)) return empty(a) - empty(b); // what is empty stays last
  return typeof a === "string" ? byName(a, b) : a - b;
}

// A table whose heads sort it. columns: {key, title, unit, digits, text, long, cell(row, value)}; a still one
// does not sort. With a step so many rows are drawn at once, and more as the reader comes to them: a thousand
// take a browser a second. Gives the table and what comes behind it, the line of a row, and keep(test), which
// shows the rows that fit and counts them.
function sortedTable(caption, columns, rows, { note = "", go = null, step = Infinity } = {}) {
  const body = element("tbody"), end = element("div"), made = new Map();
  let order = [...rows], test = () => true, waiting = [];

  function line(row) {
    if (!made.has(row)) made.set(row, lineOf(columns, row, go));
    return made.get(row);
  }
  function more(count) {
    body.append(...waiting.splice(0, count).map(line));
  }
  function draw() {
    waiting = order.filter(test);
    const count = waiting.length;
    body.replaceChildren();
    more(step);
    return count;
  }
  function sort(column, head) {
    const down = head.getAttribute("aria-sort") === "ascending" || (!column.text && !head.hasAttribute("aria-sort"));
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const empty = (row) => compared(row[column.key], null) >= 0;
    const filled = order.filter((row) => !empty(row));
    filled.sort((a, b) => compared(a[column.key], b[column.key]) * (down ? -1 : 1));
    order = [...filled, ...order.filter(empty)];
    draw();
  }
  const heads = columns.map((column) => {
    const title = element("span", { className: "title" }, column.title);
    const unit = column.unit ? element("small", {}, column.unit) : null;
    const head = element("th", { scope: "col", className: column.text ? "text" : "" });
    if (column.still) {
      head.append(element("span", { className: "still" }, title));
      return head;
    }
    const button = element("button", { type: "button" }, title, unit);
    button.addEventListener("click", () => sort(column, head));
    head.append(button);
    return head;
  });
  draw();
  if (step < rows.length) {
    const look = (seen) => {
      if (!seen.some((entry) => entry.isIntersecting) || !waiting.length) return;
      more(step);
      watch.unobserve(end); // looked at anew: it may still be in view
      watch.observe(end);
    };
    const watch = new IntersectionObserver(look, { rootMargin: "800px" });
    watch.observe(end);
    addEventListener("beforeprint", () => more(Infinity));
  }
  const titled = element("caption", {}, caption, note ? element("small", {}, note) : null);
  const table = element("table", {}, titled, element("thead", {}, element("tr", {}, ...heads)), body);
  const keep = (fits) => ((test = fits), draw());
  return { table, end, line, keep };
}

function lineOf(columns, row, go) {
  const line = element("tr");
  columns.forEach((column, number) => {
    const value = row[column.key];
    let inside = column.cell ? column.cell(row, value) : shown(value, column.digits);
    if (number === 0 && go) {
      inside = element("button", { type: "button", title: "Show it in the views" }, inside);
    }
    line.append(element("td", { className: (column.text ? "text" : "") + (column.long ? " long" : "") }, inside));
  });
  if (go) {
    line.className = "goes";
    line.addEventListener("click", () => go(row));
  }
  return line;
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function startTheme() {
  const button = byId("theme");
  const say = () => (button.textContent = isDark() ? "Light" : "Dark");
  button.setAttribute("aria-label", "Change between dark and light");
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    say();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  say();
}
