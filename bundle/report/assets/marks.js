// What stands in the 3D view beside the wall: rings, dashes, names.
"use strict";

const NARROWING = "#d81b78", VAGUE = "#8f9aa6", JOIN = "#c9d1d9", HERE = "#ffd54a";
const DASH_MM = 1.1, PERIOD_MM = 1.9;

function ringOf({ point, tangent, radius }, colour) {
  const ring = new THREE.Mesh(
    new THREE.TorusGeometry(Math.max(radius * 1.35, 1.4), 0.28, 10, 40),
    new THREE.MeshBasicMaterial({ color: colour }),
  );
  ring.position.set(...point);
  ring.quaternion.setFromUnitVectors(new THREE.Vector3(0, 0, 1), new THREE.Vector3(...tangent).normalize());
  return ring;
}

// Dashes along the stretches where the mask is interrupted: there is no wall to draw.
function dashesOf(branches) {
  const made = [];
  const material = new THREE.MeshBasicMaterial({ color: JOIN });
  for (const branch of branches) {
    for (const [first, last] of branch.gap) {
      const low = Math.max(first - 1, 0), high = Math.min(last + 1, branch.points.length - 1);
      const thick = Math.max(0.25 * branch.diameter_mm[low], 0.2);
      for (let at = branch.along_mm[low]; at < branch.along_mm[high]; at += PERIOD_MM) {
        const ends = [at, Math.min(at + DASH_MM, branch.along_mm[high])].map((mm) => new THREE.Vector3(...pointAt(branch, mm)));
        const way = ends[1].clone().sub(ends[0]);
        if (way.length() < 0.05) continue;
        const dash = new THREE.Mesh(new THREE.CylinderGeometry(thick, thick, way.length(), 12), material);
        dash.position.copy(ends[0]).addScaledVector(way, 0.5);
        dash.quaternion.setFromUnitVectors(new THREE.Vector3(0, 1, 0), way.clone().normalize());
        made.push(dash);
      }
    }
  }
  return made;
}

function tagsOf(stage, branches, marks) {
  const said = [...marks].filter((mark) => mark.assessable).sort((a, b) => b.percent - a.percent);
  const named = branches.filter((branch) => branch.name !== "unknown");
  named.sort((a, b) => b.along_mm.at(-1) - a.along_mm.at(-1));
  const tags = [
    ...said.map((mark) => ({ text: mark.text, point: mark.point, kind: "tag narrowing" })),
    ...named.map((branch) => ({ text: branch.name, branch, kind: "tag" })),
  ];
  for (const tag of tags) {
    tag.element = element("div", { className: tag.kind, "aria-hidden": "true" }, tag.text);
    const places = tag.branch ? [0.5, 0.35, 0.65, 0.8, 0.2].map((share) => pointAt(tag.branch, share * tag.branch.along_mm.at(-1))) : [tag.point];
    tag.places = places.map((point) => new THREE.Vector3(...point));
    stage.append(tag.element);
  }
  return tags;
}

// Each name beside its vessel, where none that matters more is there already.
function placeTags(tags, camera, stage) {
  const taken = [];
  const { clientWidth: width, clientHeight: height } = stage;
  for (const tag of tags) {
    const boxes = tag.places.map((place) => {
      const seen = place.clone().project(camera);
      const x = Math.round(((seen.x + 1) / 2) * width) + 9, y = Math.round(((1 - seen.y) / 2) * height) - 9;
      return [x, y, x + tag.element.offsetWidth, y + tag.element.offsetHeight, seen.z];
    });
    const free = boxes.find(([left, top, right, low, deep]) =>
      deep < 1 && left > 0 && top > 0 && right < width && low < height &&
      !taken.some((other) => left < other[2] && other[0] < right && top < other[3] && other[1] < low));
    tag.element.style.visibility = free ? "visible" : "hidden";
    if (!free) continue;
    tag.element.style.transform = `translate(${free[0]}px, ${free[1]}px)`;
    taken.push(free);
  }
}
