// What the surface is coloured by, and its corners and triangles as the page packs them.
"use strict";

// Both rise in brightness throughout, so that no kind of colour blindness confuses them. The first is viridis
// without its darkest part, which would not be seen on a dark page.
const VIRIDIS = ["#5f52b0", "#476cb0", "#3a86ab", "#2f9f99", "#46b67c", "#83ca50", "#c6da30", "#fbe62b"];
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

function rgbOf(hex) {
  const whole = parseInt(hex.slice(1), 16);
  return [whole >> 16, (whole >> 8) & 255, whole & 255];
}

function ramp(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const from = rgbOf(stops[low]), to = rgbOf(stops[low + 1]);
  return from.map((value, i) => value + (to[i] - value) * (at - low));
}

// Corners (LPS mm) and triangles of the surface.
function unpackSurface(surface) {
  const whole = new Uint16Array(bytesOf(surface.points).buffer);
  const points = new Float32Array(whole.length);
  for (let i = 0; i < whole.length; i++) points[i] = surface.low_mm[i % 3] + surface.step_mm * whole[i];
  return { points, faces: new Uint32Array(bytesOf(surface.faces).buffer) };
}

function coloursBy(surface, branches) {
  const by = {};
  if (surface.diameter) {
    const [low, high] = surface.diameter_mm;
    by.diameter = { title: "Diameter", stops: VIRIDIS, low: `${fixed(low, 1)} mm`, high: `${fixed(high, 1)} mm`,
      values: bytesOf(surface.diameter), of: (value) => ramp(VIRIDIS, value / 255) };
  }
  if (surface.confidence) {
    by.confidence = { title: "Confidence", stops: CIVIDIS, low: "0", high: "1",
      values: bytesOf(surface.confidence), of: (value) => ramp(CIVIDIS, value / 255) };
  }
  if (surface.branch) {
    by.branch = { title: "Branch", values: bytesOf(surface.branch),
      of: (value) => rgbOf(branches[value] ? branches[value].colour : VAGUE) };
  }
  return by;
}
