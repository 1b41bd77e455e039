// One branch from its ostium to its tip: the CT along it, its diameter beside the reference.
"use strict";

const MOST_PX_PER_MM = 7, PLOT_PX = 150, HEAD_PX = 22, FOOT_PX = 22;

function pointAt(branch, mm) {
  const along = branch.along_mm;
  let next = along.findIndex((value) => value >= mm);
  if (next <= 0) return branch.points[next === 0 ? 0 : along.length - 1];
  const share = (mm - along[next - 1]) / (along[next] - along[next - 1] || 1);
  return branch.points[next].map((value, axis) => branch.points[next - 1][axis] + share * (value - branch.points[next - 1][axis]));
}

function tangentAt(branch, mm) {
  const [from, to] = [pointAt(branch, Math.max(mm - 1, 0)), pointAt(branch, Math.min(mm + 1, branch.along_mm.at(-1)))];
  return to.map((value, axis) => value - from[axis]);
}

// The branch and the distance along it that are nearest to a point.
function nearestPlace(branches, point) {
  let best = { distance: Infinity };
  branches.forEach((branch, number) => branch.points.forEach((at, i) => {
    const distance = Math.hypot(at[0] - point[0], at[1] - point[1], at[2] - point[2]);
    if (distance < best.distance) best = { number, mm: branch.along_mm[i], distance };
  }));
  return best;
}

// How far a narrowing reaches: where the diameter stays a fifth under the reference.
function extentOf(branch, mm) {
  const narrow = branch.diameter_mm.map((value, i) => value < 0.8 * branch.reference_mm[i]);
  const at = branch.along_mm.reduce((best, value, i) => (Math.abs(value - mm) < Math.abs(branch.along_mm[best] - mm) ? i : best), 0);
  let [first, last] = [at, at];
  while (first > 0 && narrow[first - 1]) first--;
  while (last < narrow.length - 1 && narrow[last + 1]) last++;
  return [branch.along_mm[first], branch.along_mm[last]];
}

function svg(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function startAlong(box, branches, cuts, lesions, moved) {
  let chosen = 0, mm = null, drawn = null;
  const pictures = {};

  async function show(number, place = null) {
    chosen = number;
    mm = place;
    if (cuts[number] && !pictures[number]) pictures[number] = await greyOf(cuts[number].jpeg);
    if (chosen === number) draw();
  }

  function draw() {
    const branch = branches[chosen], length = branch.along_mm.at(-1);
    const beside = innerWidth > 900 && pictures[chosen]; // the curved view stands beside the others
    const room = beside ? (box.clientWidth - 48) / 2 - 42 : box.clientWidth - 28 - 42;
    if (room < 50) return;
    const scale = Math.min(room / length, MOST_PX_PER_MM);
    drawn = { scale, marks: [] };
    const key = ["Diameter, mm: ", element("i", { className: "stroke" }), "of the lumen", element("i", { className: "stroke dashed" }), "without its narrowings"];
    const first = element("div", {}, view(key, plot(branch, scale)));
    const second = element("div");
    if (pictures[chosen]) {
      const [zero, quarter, curved] = cutRows(cuts[chosen], pictures[chosen], length, scale);
      first.append(zero, quarter);
      second.append(curved);
    } else if (Object.keys(cuts).length) {
      const why = length < 4 ? "it is too short" : "this page would become too large";
      second.append(element("p", { className: "quiet" }, `The CT along this branch is left out: ${why}.`));
    }
    box.replaceChildren(first, second);
    cursor();
  }

  function view(title, content) {
    return element("figure", {}, element("figcaption", {}, ...title), content);
  }

  function plot(branch, scale) {
    const length = branch.along_mm.at(-1), most = Math.ceil(Math.max(...branch.diameter_mm, ...branch.reference_mm) + 0.3);
    const width = length * scale, x = (at) => 30 + at * scale, y = (value) => HEAD_PX + PLOT_PX * (1 - value / most);
    const own = lesions.filter((lesion) => lesion.branch_id === branch.id);
    const words = own.map((lesion) => `narrowed by ${fixed(lesion.percent_diameter_stenosis, 0)} % at ${fixed(lesion.at_mm, 0)} mm${lesion.assessable ? "" : ", which cannot be judged"}`);
    const picture = svg("svg", { width: Math.max(width + 34, 240), height: HEAD_PX + PLOT_PX + FOOT_PX, role: "img",
      "aria-label": `Diameter of ${branch.name} along ${fixed(length, 0)} mm: ${words.join("; ") || "no narrowing"}` });
    for (let value = 0; value <= most; value++) {
      picture.append(svg("line", { class: "grid", x1: x(0), x2: x(length), y1: y(value), y2: y(value) }));
      picture.append(svg("text", { x: 24, y: y(value) + 4, "text-anchor": "end" }, value));
    }
    const step = [2, 5, 10, 20, 50].find((mm) => mm * scale > 44) ?? 100;
    for (let at = 0; at <= length; at += step) {
      picture.append(svg("text", { x: x(at), y: HEAD_PX + PLOT_PX + 16, "text-anchor": "middle" }, at === 0 ? "0 mm" : at));
    }
    for (const [first, last] of branch.gap) {
      picture.append(svg("rect", { class: "lost", x: x(branch.along_mm[first]), y: HEAD_PX, width: Math.max((branch.along_mm[last] - branch.along_mm[first]) * scale, 2), height: PLOT_PX }));
    }
    for (const lesion of own) {
      const vague = lesion.assessable ? "" : " vague", [first, last] = extentOf(branch, lesion.at_mm);
      picture.append(svg("rect", { class: `lesion${vague}`, x: x(first), y: HEAD_PX, width: (last - first) * scale, height: PLOT_PX }));
      picture.append(svg("line", { class: `worst${vague}`, x1: x(lesion.at_mm), x2: x(lesion.at_mm), y1: HEAD_PX, y2: HEAD_PX + PLOT_PX }));
      picture.append(svg("text", { class: `said${vague}`, x: x(lesion.at_mm), y: HEAD_PX - 6, "text-anchor": "middle" },
        `${fixed(lesion.percent_diameter_stenosis, 0)} %${lesion.assessable ? "" : "?"}`));
    }
    const line = (values) => values.map((value, i) => `${i ? "L" : "M"}${x(branch.along_mm[i]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    picture.append(svg("path", { class: "reference", d: line(branch.reference_mm) }));
    picture.append(svg("path", { class: "diameter", d: line(branch.diameter_mm) }));
    const place = svg("line", { class: "cursor", y1: HEAD_PX, y2: HEAD_PX + PLOT_PX, visibility: "hidden" });
    picture.append(place);
    drawn.marks.push((at) => { place.setAttribute("x1", x(at)); place.setAttribute("x2", x(at)); place.setAttribute("visibility", "visible"); });
    listen(picture, 30, scale, length);
    return picture;
  }

  function cutRows({ heights, pixel_mm: pixel }, { grey, width }, length, scale) {
    const shades = tableOf([-150, 650], data.volume ? data.volume.hu : [-300, 1000]);
    let top = 0;
    return ["Straightened, 0°", "Straightened, 90°", "Curved"].map((title, number) => {
      const height = heights[number];
      const canvas = element("canvas", { width, height, role: "img", "aria-label": `${title}: the CT along ${branches[chosen].name}, ostium on the left` });
      const context = canvas.getContext("2d"), image = context.createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        image.data.fill(shades[grey[top * width + i]], 4 * i, 4 * i + 3);
        image.data[4 * i + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      top += height;
      canvas.style.width = `${length * scale}px`;
      canvas.style.height = `${height * pixel * scale}px`;
      const place = element("i", { hidden: true });
      const cut = element("div", { className: "cut" }, canvas, place);
      cut.style.marginLeft = "30px";
      drawn.marks.push((at) => { place.hidden = false; place.style.left = `${at * scale}px`; });
      listen(canvas, 0, scale, length);
      return view([`${title}, ostium on the left`], cut);
    });
  }

  function listen(target, left, scale, length) {
    const go = (event) => {
      const at = (event.clientX - target.getBoundingClientRect().left - left) / scale;
      mm = Math.min(Math.max(at, 0), length);
      cursor();
      moved(pointAt(branches[chosen], mm));
    };
    target.addEventListener("pointerdown", (event) => { target.setPointerCapture(event.pointerId); go(event); });
    target.addEventListener("pointermove", (event) => { if (target.hasPointerCapture(event.pointerId)) go(event); });
  }

  function cursor() {
    if (mm !== null && drawn) for (const mark of drawn.marks) mark(mm);
  }

  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    draw();
  }).observe(box);
  return { show };
}
