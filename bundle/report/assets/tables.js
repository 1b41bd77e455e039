// The tables of a case, how it was made, its files.
"use strict";

const FILE_NAMES = {
  mesh_stl: "Surface, STL", mesh_ply: "Surface, PLY", mesh_vtp: "Surface, VTP", mesh_obj: "Surface, OBJ", mesh_glb: "Surface, glTF",
  points: "Points, PLY", points_vtp: "Points, VTP", voxels: "Voxels, PLY", voxels_vtp: "Voxels, VTP", centerline: "Centreline, VTP",
  branches: "Branches, CSV", stenoses: "Narrowings, CSV", snapshot: "Picture, PNG", overlay: "Contour on slices, PNG", turntable: "Turning, GIF",
  solver_vtp: "Solver model, VTP", solver_stl: "Solver model, STL", ends: "Ends, CSV", volume: "Tetrahedra, VTU",
  volume_surface: "Their surface, VTP", volume_msh: "Tetrahedra, MSH", mask: "Mask, NIfTI", probability: "Probability, NIfTI",
  entropy: "Entropy, NIfTI", mutual_information: "Mutual information, NIfTI", scene: "Scene for 3D Slicer, MRML",
  dicom_segmentation: "Segmentation, DICOM", dicom_measurements: "Measurements, DICOM", dicom_surface: "Surface, DICOM",
};

function goToRow(line, point) {
  for (const other of document.querySelectorAll("tr[aria-current]")) other.removeAttribute("aria-current");
  line?.setAttribute("aria-current", "true");
  goTo(point, { closer: true });
  byId("look").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function addTable(caption, columns, rows, note, pointOf) {
  let made = null;
  const go = pointOf && ((row) => goToRow(made.line(row), pointOf(row)));
  made = sortedTable(caption, columns, rows, { note, go });
  byId("tables").append(element("div", { className: `card scroll${columns.length > 8 ? " wide" : ""}` }, made.table));
}

function fillTables(joins) {
  const text = (key, title, more = {}) => ({ key, title, text: true, ...more });
  const number = (key, title, unit, digits) => ({ key, title, unit, digits });
  if (report.stenoses) {
    addTable("Narrowings", [
      text("branch", "Branch"), number("scct_segment", "Segment", "SCCT", 0), number("at_mm", "Place", "mm from start", 0),
      { ...number("percent_diameter_stenosis", "Diameter narrowed", "% (90 % of lesions)", 0),
        cell: (row, value) => `${fixed(value, 0)} (${fixed(row.percent_low, 0)} to ${fixed(row.percent_high, 0)})` },
      number("minimal_lumen_diameter_mm", "Least diameter", "mm", 2), number("reference_diameter_mm", "Reference", "mm", 2),
      number("length_mm", "Length", "mm", 0), number("percent_in_image", "In the CT", "%", 0), number("calcium_mm3", "Calcium", "mm³", 1),
      text("severity_research_use", "Category"), text("not_assessable_because", "Cannot be judged because", { long: true }),
    ], lesions, lesions.length ? "a click shows it in the views" : "none", placeOf);
  }
  if (report.branches?.length) {
    const parent = (row) => (row.parent < 0 ? "ostium" : nameOf({ ...report.branches[row.parent], id: row.parent }));
    addTable("Branches", [
      text("name", "Branch", { cell: (row) => nameOf({ ...row, id: row.branch_id }) }), text("parent", "Leaves", { cell: parent }), number("length_mm", "Length", "mm", 1),
      number("mean_diameter_mm", "Mean diameter", "mm", 2), number("min_diameter_mm", "Least diameter", "mm", 2),
      number("proximal_diameter_mm", "At its start", "mm", 2), number("taper_mm_per_10mm", "Taper", "mm in 10 mm", 2), number("volume_mm3", "Volume", "mm³", 0),
      number("tortuosity", "Tortuosity", "", 2), number("gap_mm", "Bridged", "mm", 1), number("name_confidence", "Name sure", "0 to 1", 2), number("certainty", "An artery", "0 to 1", 2),
    ], report.branches, "a click shows its middle", (row) => branches[row.branch_id].points[branches[row.branch_id].points.length >> 1]);
  }
  if (report.vessels?.length) {
    addTable("Main vessels", [
      text("name", "Vessel"), number("length_mm", "Length", "mm", 0), text("assessable", "Can be judged"), text("seen_to_its_end", "Seen to its end"),
      text("not_seen_because", "Not seen because", { long: true }), number("most_percent", "Most narrowed", "%", 0),
      number("possible_narrowings", "Possible narrowings", "not judged", 0), text("no_narrowing_50", "Nothing of 50 %"),
    ], report.vessels, "", null);
  }
  if (joins.length) {
    addTable("Bridged gaps", [
      text("name", "Branch"), number("gap_mm", "Gap", "mm", 1),
    ], joins.map((join) => ({ ...join, name: join.branch ? nameOf(join.branch) : "–" })), "pieces of the mask that were joined", (row) => row.point);
  }
}

function fillAbout() {
  const { record = {}, provenance = {}, scan = {}, mesh, smoothing } = report;
  terms(byId("provenance"), [
    ["Bundle", provenance.bundle ?? record.bundle], ["Weights", provenance.weights], ["Weights, SHA-256", record.weights_sha256], ["Network run by", provenance.runtime],
    ["Settings, SHA-256", record.settings_sha256], ["Scan, SHA-256", record.scan_sha256], ["Mask", report.source],
    ["Scan", scan.shape ? `${scan.shape.join(" × ")} voxels` : null],
    ["Threshold", scan.threshold !== undefined ? `${shown(scan.threshold, 2)}, confidence ${shown(scan.confidence, 3)}` : null],
    ["Smoothing", smoothing ? `${smoothing.method}, volume changed by ${shown(smoothing.volume_change_percent, 2)} %` : null],
    ["Surface", mesh ? `${mesh.triangles.toLocaleString("en")} triangles, ${mesh.watertight ? "closed" : "not closed"}; shown with ${data.surface?.triangles.toLocaleString("en") ?? 0}` : null],
    ["CT on this page", data.volume ? `${fixed(data.volume.step_mm, 2)} mm, ${data.volume.hu.join(" to ")} HU in 256 steps, to look at` : "none"],
  ]);
  const seconds = report.seconds ?? {};
  terms(byId("seconds"), Object.entries(seconds).map(([stage, value]) => [stage, fixed(value, 1)]));
  for (const [role, name] of Object.entries({ ...data.volumes, ...report.files })) {
    if (role !== "page") byId("files").append(element("li", {}, element("a", { href: name.split("/").map(encodeURIComponent).join("/") }, FILE_NAMES[role] ?? name)));
  }
  byId("files").append(element("li", {}, element("a", { href: encodeURIComponent(`${report.case}.json`) }, "Report, JSON")));
}
