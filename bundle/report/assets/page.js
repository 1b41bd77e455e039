// The page of a case: puts the data in place and lets the views follow one another.
"use strict";

const report = data.report, branches = data.branches ?? [];
const lesions = report.stenoses ?? [];
const views = {};

// Every view goes to a place; closer ones after a click on a row.
function goTo(point, { closer = false, source = null } = {}) {
  if (source !== "view") views.view?.show(point, closer);
  if (source !== "slices") views.slices?.show(point, closer);
  if (source !== "along" && branches.length) {
    const near = nearestPlace(branches, point);
    chooseBranch(near.number, near.mm);
  }
}

function chooseBranch(number, mm = null) {
  if (!views.along) return;
  const button = document.querySelector(`#branch input[value="${number}"]`);
  if (button) button.checked = true;
  views.along.show(number, mm);
}

function nameOf(branch) {
  return branch.name === "unknown" ? `branch ${branch.id}` : branch.name;
}

function fillSummary() {
  byId("case").textContent = report.case;
  const worst = lesions.filter((row) => row.assessable).sort((a, b) => b.percent_diameter_stenosis - a.percent_diameter_stenosis)[0];
  terms(byId("figures"), [
    ["Lumen", `${fixed(report.mask_volume_mm3 / 1000, 2)} mL`],
    ["Centreline", report.centerline_length_mm ? `${fixed(report.centerline_length_mm, 0)} mm` : null],
    ["Dominance", report.dominance],
    ["Most narrowed", worst ? `${fixed(worst.percent_diameter_stenosis, 0)} %, ${worst.branch}` : branches.length ? "none that can be judged" : null],
  ]);
  const list = byId("warnings").querySelector("ul");
  list.append(...report.warnings.map((line) => element("li", {}, line)));
  byId("warnings").hidden = !report.warnings.length;
  const lines = (report.statement ?? "").split("\n").filter(Boolean);
  const note = lines.length ? lines.pop() : "Measured by software from a segmentation; for research use only.";
  byId("note").textContent = note;
  if (report.empty) lines.push(`No vessel was found (${report.reason}).`);
  else if (!lines.length) lines.push("No centreline was made, so nothing was measured along the vessels.");
  byId("statement").append(element("ul", {}, ...lines.map((line) => element("li", { className: line.startsWith("Diameter narrowed") ? "clear" : "" }, line))));
}

function choices(fieldset, name, entries, chosen, act) {
  for (const [value, title] of entries) {
    const input = element("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => act(value));
    fieldset.append(element("label", {}, input, element("span", {}, title)));
  }
}

function placeOf(row) {
  return [row.x_lps_mm, row.y_lps_mm, row.z_lps_mm];
}

function marksOf() {
  return lesions.map((row) => ({
    point: placeOf(row), percent: row.percent_diameter_stenosis, assessable: row.assessable, radius: row.reference_diameter_mm / 2,
    text: `${fixed(row.percent_diameter_stenosis, 0)} %`, tangent: branches[row.branch_id] ? tangentAt(branches[row.branch_id], row.at_mm) : [0, 0, 1],
  }));
}

function joinsOf() {
  return (report.parts?.joins ?? []).map((join) => {
    const near = branches.length ? nearestPlace(branches, join.at_lps_mm) : null;
    const branch = near && branches[near.number];
    return { ...join, point: join.at_lps_mm, branch, tangent: branch ? tangentAt(branch, near.mm) : [0, 0, 1], radius: 0.9 };
  });
}

function drawLegend(scale, hasMarks, hasJoins) {
  const legend = byId("legend");
  legend.replaceChildren();
  if (scale.stops) {
    const bar = element("i");
    bar.style.background = `linear-gradient(90deg, ${scale.stops.join(", ")})`;
    legend.append(element("span", { className: "ramp" }, scale.title, element("span", {}, scale.low), bar, element("span", {}, scale.high)));
  } else {
    const seen = new Map(branches.map((branch) => [branch.name === "unknown" ? "no name" : branch.name, branch.colour]));
    for (const [name, colour] of seen) legend.append(keyOf(name, (i) => (i.style.background = colour)));
  }
  if (hasMarks.some((mark) => mark.assessable)) legend.append(keyOf("narrowing", (i) => { i.className = "ring"; i.style.color = NARROWING; }));
  if (hasMarks.some((mark) => !mark.assessable)) legend.append(keyOf("cannot be judged", (i) => { i.className = "ring"; i.style.color = VAGUE; }));
  if (hasJoins) legend.append(keyOf("joined over a gap", (i) => (i.className = "dash")));
}

function keyOf(text, paint) {
  const colour = element("i");
  paint(colour);
  return element("span", { className: "key" }, colour, text);
}

function startVessels(surface, marks, joins) {
  const scales = coloursBy(data.surface, branches);
  byId("view3d").hidden = false;
  try {
    views.view = startView(byId("stage"), surface, branches, marks, joins, (point) => goTo(point));
  } catch (error) {
    byId("stage").replaceChildren(element("p", { className: "failed" }, "This browser cannot draw in 3D (WebGL is off). The rest of the page works."));
    console.warn(error.message);
    return;
  }
  const colour = (name) => {
    views.view.colour(scales[name]);
    drawLegend(scales[name], marks, joins.length > 0 || branches.some((branch) => branch.gap.length));
  };
  const names = Object.keys(scales);
  if (names.length) {
    choices(byId("colours"), "colour", names.map((name) => [name, scales[name].title]), names[0], colour);
    colour(names[0]);
  } else {
    views.view.colour({ values: new Uint8Array(surface.points.length / 3), of: () => [200, 120, 100] });
  }
  for (const side of Object.keys(SIDES)) {
    const button = element("button", { type: "button", title: `From ${SIDE_NAMES[side]}` }, side);
    button.addEventListener("click", () => views.view.from(side));
    byId("sides").append(button);
  }
}

function startBranches() {
  if (!branches.length) return;
  byId("along").hidden = false;
  const long = branches.filter((branch) => branch.along_mm.at(-1) >= 4);
  const listed = long.length ? long : branches;
  views.along = startAlong(byId("lengthwise"), branches, data.cuts ?? {}, lesions, (point) => goTo(point, { source: "along" }));
  choices(byId("branch"), "branch", listed.map((branch) => [String(branch.id), nameOf(branch)]), null, (value) => chooseBranch(Number(value)));
  const worst = lesions.filter((row) => row.assessable).sort((a, b) => b.percent_diameter_stenosis - a.percent_diameter_stenosis)[0];
  const longest = [...listed].sort((a, b) => b.along_mm.at(-1) - a.along_mm.at(-1))[0];
  chooseBranch(worst ? worst.branch_id : longest.id);
}

async function start() {
  startTheme();
  fillSummary();
  const marks = marksOf(), joins = joinsOf();
  fillTables(joins);
  fillAbout();
  const surface = data.surface ? unpackSurface(data.surface) : null;
  byId("look").classList.toggle("one", !data.volume || !surface);
  if (!surface) {
    byId("nothing").hidden = false;
    byId("nothing").textContent = report.empty ? "There is no surface to show." : "This case has no mesh on the disk to show.";
  } else {
    startVessels(surface, marks, joins);
  }
  startBranches();
  if (data.volume) {
    views.slices = await startSlices(byId("slices"), data.volume, surface, marks, (point) => goTo(point, { source: "slices" }));
    const first = lesions.filter((row) => row.assessable).sort((a, b) => b.percent_diameter_stenosis - a.percent_diameter_stenosis)[0];
    if (first) views.slices.show(placeOf(first), true);
  }
  for (const link of document.querySelectorAll("nav [data-needs]")) {
    const target = byId(link.dataset.needs);
    link.hidden = target.hidden || !target.children.length;
  }
  document.documentElement.dataset.ready = "true";
  performance.mark("ready");
}

start();
