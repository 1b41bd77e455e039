// Axial, coronal and sagittal slices of the CT with the cut of the surface, tied together by one place.
"use strict";

const WINDOWS = { "Vessels −150 to 650": [-150, 650], "Tissue −100 to 300": [-100, 300], "Calcium 0 to 1000": [0, 1000], "All −300 to 1000": [-300, 1000] };
// Which axes (L, P, S) run to the right, downwards and into the picture, and what stands at its left and right.
const PLANES = [
  { title: "Axial", right: 0, down: 1, deep: 2, flip: false, sides: ["R", "L"] },
  { title: "Coronal", right: 0, down: 2, deep: 1, flip: true, sides: ["R", "L"] },
  { title: "Sagittal", right: 1, down: 2, deep: 0, flip: true, sides: ["A", "P"] },
];

async function greyOf(base64) {
  const picture = await createImageBitmap(new Blob([bytesOf(base64)], { type: "image/jpeg" }), { colorSpaceConversion: "none" });
  const canvas = element("canvas", { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { width, height } = picture;
  const grey = new Uint8Array(width * height);
  for (let top = 0; top < height; top += 256) { // in bands: four bytes a pixel are much for a phone
    const rows = Math.min(256, height - top);
    const band = context.getImageData(0, top, width, rows).data;
    for (let i = 0; i < width * rows; i++) grey[top * width + i] = band[4 * i];
  }
  canvas.width = canvas.height = 0;
  return { grey, width, height };
}

// For each byte of the CT what the screen shows of it.
function tableOf([low, high], [black, white]) {
  return Uint8ClampedArray.from({ length: 256 }, (_, value) => (255 * (black + ((white - black) * value) / 255 - low)) / (high - low));
}

async function startSlices(card, volume, surface, marks, moved) {
  const atlas = await greyOf(volume.jpeg);
  const [nx, ny] = volume.size;
  const corners = volume.size.map((n, axis) => volume.low_mm[axis] + (n - 1) * volume.step_mm);
  const place = corners.map((corner, axis) => (corner + volume.low_mm[axis]) / 2);
  let shades = tableOf(Object.values(WINDOWS)[0], volume.hu), zoom = 1;
  const voxel = (x, y, z) => atlas.grey[(Math.floor(z / volume.columns) * ny + y) * atlas.width + (z % volume.columns) * nx + x];
  const index = (axis) => Math.min(Math.max(Math.round((place[axis] - volume.low_mm[axis]) / volume.step_mm), 0), volume.size[axis] - 1);

  const views = PLANES.map((plane) => makePlane(plane));
  const here = element("output");
  views[0].figure.append(here);
  card.querySelector(".planes").append(...views.map((view) => view.figure));
  card.hidden = false;

  function makePlane(plane) {
    const canvas = element("canvas", { role: "img" });
    const says = element("figcaption");
    const slider = element("input", { type: "range", min: 0, max: volume.size[plane.deep] - 1, step: 1, "aria-label": `${plane.title} slice` });
    const figure = element("figure", {}, canvas, says, slider,
      element("b", { className: "left", "aria-hidden": "true" }, plane.sides[0]), element("b", { className: "right", "aria-hidden": "true" }, plane.sides[1]));
    const view = { plane, canvas, figure, says, slider, cache: element("canvas") };
    slider.addEventListener("input", () => moveTo(plane.deep, volume.low_mm[plane.deep] + Number(slider.value) * volume.step_mm));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      moveTo(plane.deep, place[plane.deep] + Math.sign(event.deltaY) * volume.step_mm);
    }, { passive: false });
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const { scale, left, top } = view.fit;
      const right = (event.clientX - box.left - left) / scale, down = (event.clientY - box.top - top) / scale;
      const size = [plane.right, plane.down].map((axis) => corners[axis] - volume.low_mm[axis]);
      set({ [plane.right]: volume.low_mm[plane.right] + right, [plane.down]: plane.flip ? corners[plane.down] - down : volume.low_mm[plane.down] + down }, size);
      moved([...place]);
    };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); view.held = { ...view.fit }; point(event); });
    canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) point(event); });
    new ResizeObserver(() => draw(view)).observe(figure);
    return view;
  }

  function set(values) {
    for (const [axis, value] of Object.entries(values)) place[axis] = Math.min(Math.max(value, volume.low_mm[axis]), corners[axis]);
    drawAll();
  }
  function moveTo(axis, value) {
    set({ [axis]: value });
    moved([...place]);
  }
  function drawAll() {
    views.forEach(draw);
    const at = [0, 1, 2].map(index);
    const hu = volume.hu[0] + (voxel(...at) * (volume.hu[1] - volume.hu[0])) / 255;
    here.textContent = `${Math.round(hu / 5) * 5} HU at ${place.map((mm) => fixed(mm, 0)).join(", ")} mm`;
  }

  function pixels({ plane, cache }) {
    const width = volume.size[plane.right], height = volume.size[plane.down], deep = index(plane.deep);
    if (cache.width !== width || cache.height !== height) Object.assign(cache, { width, height });
    const context = cache.getContext("2d");
    const image = context.createImageData(width, height);
    const at = [0, 0, 0];
    at[plane.deep] = deep;
    let out = 0;
    for (let down = 0; down < height; down++) {
      at[plane.down] = plane.flip ? height - 1 - down : down;
      for (let right = 0; right < width; right++, out += 4) {
        at[plane.right] = right;
        const shade = shades[voxel(at[0], at[1], at[2])];
        image.data[out] = image.data[out + 1] = image.data[out + 2] = shade;
        image.data[out + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }

  function draw(view) {
    const { plane, canvas, figure } = view;
    const { clientWidth: width, clientHeight: height } = figure;
    if (!width || !height) return;
    const dots = Math.min(devicePixelRatio, 2);
    canvas.width = width * dots;
    canvas.height = height * dots;
    const context = canvas.getContext("2d");
    context.scale(dots, dots);
    pixels(view);
    const wide = corners[plane.right] - volume.low_mm[plane.right], tall = corners[plane.down] - volume.low_mm[plane.down];
    const scale = Math.min(width / wide, height / tall) * zoom;
    const across = place[plane.right] - volume.low_mm[plane.right];
    const down = plane.flip ? corners[plane.down] - place[plane.down] : place[plane.down] - volume.low_mm[plane.down];
    const start = (room, size, at) => (size * scale <= room ? (room - size * scale) / 2 : Math.min(0, Math.max(room - size * scale, room / 2 - at * scale)));
    let left = start(width, wide, across), top = start(height, tall, down);
    if (view.held && view.held.scale === scale && canvas.matches(":active")) ({ left, top } = view.held); // not under a held pointer
    view.fit = { scale, left, top };
    const half = volume.step_mm / 2; // pixels reach half a voxel beyond their centres
    context.imageSmoothingQuality = "high";
    context.drawImage(view.cache, left - half * scale, top - half * scale, (wide + 2 * half) * scale, (tall + 2 * half) * scale);
    const onScreen = (right, low) => [left + (right - volume.low_mm[plane.right]) * scale, top + (plane.flip ? corners[plane.down] - low : low - volume.low_mm[plane.down]) * scale];
    if (byId("contour").checked && surface) drawContour(context, plane, onScreen);
    drawMarks(context, plane, onScreen);
    const [x, y] = onScreen(place[plane.right], place[plane.down]);
    context.strokeStyle = "rgba(255, 213, 74, 0.75)";
    context.lineWidth = 1;
    context.beginPath();
    for (const [x1, y1, x2, y2] of [[0, y, x - 10, y], [x + 10, y, width, y], [x, 0, x, y - 10], [x, y + 10, x, height]]) {
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.stroke();
    const number = index(plane.deep);
    view.slider.value = number;
    view.says.textContent = `${plane.title} ${number + 1} / ${volume.size[plane.deep]}`;
    canvas.setAttribute("aria-label", `${plane.title} slice ${number + 1} of ${volume.size[plane.deep]} with the contour of the vessels`);
  }

  // Where the plane cuts the triangles of the surface.
  function drawContour(context, plane, onScreen) {
    const { points, faces } = surface, level = place[plane.deep];
    context.strokeStyle = "#ff5ca8";
    context.lineWidth = 1.3;
    context.beginPath();
    for (let face = 0; face < faces.length; face += 3) {
      const corner = [faces[face] * 3, faces[face + 1] * 3, faces[face + 2] * 3];
      const above = corner.map((at) => points[at + plane.deep] > level);
      if (above[0] === above[1] && above[1] === above[2]) continue;
      let started = false;
      for (let i = 0; i < 3; i++) {
        const a = corner[i], b = corner[(i + 1) % 3];
        if (above[i] === above[(i + 1) % 3]) continue;
        const share = (level - points[a + plane.deep]) / (points[b + plane.deep] - points[a + plane.deep]);
        const at = (axis) => points[a + axis] + share * (points[b + axis] - points[a + axis]);
        context[started ? "lineTo" : "moveTo"](...onScreen(at(plane.right), at(plane.down)));
        started = true;
      }
    }
    context.stroke();
  }

  // Narrowings no further than 2 mm from the plane.
  function drawMarks(context, plane, onScreen) {
    context.lineWidth = 1.5;
    for (const mark of marks) {
      if (Math.abs(mark.point[plane.deep] - place[plane.deep]) > 2) continue;
      const [x, y] = onScreen(mark.point[plane.right], mark.point[plane.down]);
      context.strokeStyle = mark.assessable ? "#ffb3d4" : "#aab4be";
      context.setLineDash(mark.assessable ? [] : [3, 3]);
      context.beginPath();
      context.arc(x, y, 11, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }

  const choice = byId("window");
  choice.append(...Object.keys(WINDOWS).map((name) => element("option", {}, name)));
  choice.addEventListener("change", () => { shades = tableOf(WINDOWS[choice.value], volume.hu); drawAll(); });
  byId("zoom").addEventListener("input", (event) => { zoom = Number(event.target.value); drawAll(); });
  byId("contour").addEventListener("change", drawAll);
  drawAll();
  return {
    show(point, closer) {
      if (closer && zoom < 3) byId("zoom").value = zoom = 3;
      set({ ...point });
    },
  };
}
