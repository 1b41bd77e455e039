// The vessels in 3D: colours, names, narrowings, joins; turned by mouse, finger and keys.
"use strict";

const SIDES = { Front: [0, -1, 0], Left: [1, 0, 0], Back: [0, 1, 0], Right: [-1, 0, 0], Top: [0, -0.02, 1] };
const SIDE_NAMES = { Front: "the front", Left: "the left", Back: "the back", Right: "the right", Top: "the head" };

// stage: the element. marks: {point, tangent, radius, text, assessable}. pick(point) is told of clicks.
function startView(stage, { points, faces }, branches, marks, joins, pick) {
  const renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
  renderer.domElement.setAttribute("aria-hidden", "true");
  stage.append(renderer.domElement);
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(30, 1, 1, 4000);
  camera.up.set(0, 0, 1);
  scene.add(new THREE.HemisphereLight(0xffffff, 0x667788, 1.5));
  const lamp = new THREE.DirectionalLight(0xffffff, 1.9);
  scene.add(lamp, lamp.target);

  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(points, 3));
  geometry.setAttribute("color", new THREE.BufferAttribute(new Uint8Array(points.length), 3, true));
  geometry.setIndex(new THREE.BufferAttribute(faces, 1));
  geometry.computeVertexNormals();
  geometry.computeBoundingSphere();
  const wall = new THREE.Mesh(geometry, new THREE.MeshLambertMaterial({ vertexColors: true, side: THREE.DoubleSide }));
  scene.add(wall);
  const { center, radius } = geometry.boundingSphere;
  for (const mark of marks) scene.add(ringOf(mark, mark.assessable ? NARROWING : VAGUE));
  for (const join of joins) scene.add(ringOf(join, JOIN));
  for (const dash of dashesOf(branches)) scene.add(dash);
  const here = new THREE.Mesh(new THREE.SphereGeometry(0.9, 20, 14), new THREE.MeshBasicMaterial({ color: HERE, transparent: true, opacity: 0.9, depthTest: false }));
  here.visible = false;
  here.renderOrder = 2;
  scene.add(here);

  const controls = new THREE.OrbitControls(camera, renderer.domElement);
  controls.rotateSpeed = 0.9;
  controls.zoomToCursor = true;
  controls.addEventListener("change", draw);
  const compass = element("div", { className: "compass", "aria-hidden": "true" });
  stage.append(compass);
  const tags = tagsOf(stage, branches, marks);

  let waiting = false;
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const away = camera.position.clone().sub(controls.target);
      lamp.position.copy(camera.position).add(new THREE.Vector3(0, 0, away.length() * 0.35));
      lamp.target.position.copy(controls.target);
      renderer.render(scene, camera);
      placeTags(tags, camera, stage);
      compass.textContent = `seen from the ${sideOf(away)}`;
    });
  }
  function from(direction) {
    const back = new THREE.Vector3(...direction).normalize();
    controls.target.copy(center);
    camera.position.copy(center).addScaledVector(back, distanceFor(points, center, back, camera, stage));
    controls.update();
    draw();
  }
  function turn(right, up) {
    const away = camera.position.clone().sub(controls.target);
    const length = away.length();
    const azimuth = Math.atan2(away.y, away.x) + right;
    const height = Math.min(Math.max(Math.asin(away.z / length) + up, -1.55), 1.55);
    away.set(Math.cos(azimuth) * Math.cos(height), Math.sin(azimuth) * Math.cos(height), Math.sin(height));
    camera.position.copy(controls.target).addScaledVector(away, length);
    controls.update();
    draw();
  }
  function nearer(factor) {
    camera.position.sub(controls.target).multiplyScalar(factor).add(controls.target);
    controls.update();
    draw();
  }
  const keys = {
    ArrowLeft: () => turn(-0.14, 0), ArrowRight: () => turn(0.14, 0), ArrowUp: () => turn(0, 0.14),
    ArrowDown: () => turn(0, -0.14), "+": () => nearer(0.85), "=": () => nearer(0.85), "-": () => nearer(1.18),
    Home: () => from(SIDES.Front),
  };
  stage.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  let pressed = null;
  renderer.domElement.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]));
  renderer.domElement.addEventListener("click", (event) => {
    if (!pressed || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return; // it was a drag
    const box = renderer.domElement.getBoundingClientRect();
    const at = new THREE.Vector2(((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2);
    const ray = new THREE.Raycaster();
    ray.setFromCamera(at, camera);
    const hit = ray.intersectObject(wall)[0];
    if (hit) pick(hit.point.toArray());
  });
  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = stage;
    if (!width || !height) return;
    renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    draw();
  }).observe(stage);
  from(SIDES.Front);

  return {
    from: (side) => from(SIDES[side]),
    colour(scale) {
      const colours = geometry.getAttribute("color");
      const table = Array.from({ length: 256 }, (_, value) => scale.of(value).map((c) => 255 * (c / 255) ** 2.2));
      scale.values.forEach((value, i) => colours.setXYZ(i, ...table[value].map((c) => c / 255)));
      colours.needsUpdate = true;
      draw();
    },
    show(point, closer) {
      here.position.set(...point);
      here.visible = true;
      if (closer) {
        const away = camera.position.clone().sub(controls.target);
        const length = Math.min(away.length(), radius * 1.7);
        away.copy(freeWay(points, point, away.normalize())).multiplyScalar(length);
        controls.target.set(...point);
        camera.position.copy(controls.target).add(away);
        controls.update();
      }
      draw();
    },
  };
}

// How far from center the camera, looking against back, has all points in view, with a margin.
function distanceFor(points, center, back, camera, stage) {
  const high = 0.92 * Math.tan((camera.fov * Math.PI) / 360);
  const wide = (high * stage.clientWidth) / Math.max(stage.clientHeight, 1) || high;
  const right = camera.up.clone().cross(back).normalize(), up = back.clone().cross(right);
  const from = new THREE.Vector3();
  let distance = 0;
  for (let i = 0; i < points.length; i += 3) {
    from.set(points[i], points[i + 1], points[i + 2]).sub(center);
    const needed = Math.max(Math.abs(from.dot(right)) / wide, Math.abs(from.dot(up)) / high);
    distance = Math.max(distance, from.dot(back) + needed);
  }
  return distance;
}

// From where a point is seen: the direction nearest to the present one along which no wall lies before it.
function freeWay(points, point, present) {
  const azimuth = Math.atan2(present.y, present.x), height = Math.asin(present.z);
  const ways = [];
  for (let right = -180; right < 180; right += 20) {
    for (const up of [-40, -20, 0, 20, 40]) {
      const a = azimuth + (right * Math.PI) / 180, h = Math.min(Math.max(height + (up * Math.PI) / 180, -1.2), 1.2);
      ways.push(new THREE.Vector3(Math.cos(a) * Math.cos(h), Math.sin(a) * Math.cos(h), Math.sin(h)));
    }
  }
  ways.sort((a, b) => b.dot(present) - a.dot(present));
  const isFree = (way) => {
    for (let i = 0; i < points.length; i += 3) {
      const x = points[i] - point[0], y = points[i + 1] - point[1], z = points[i + 2] - point[2];
      const before = x * way.x + y * way.y + z * way.z;
      if (before > 4 && x * x + y * y + z * z - before * before < 2.25) return false; // within 1.5 mm of the sight
    }
    return true;
  };
  return [present, ...ways].find(isFree) ?? present;
}

function sideOf(away) {
  const way = away.clone().normalize();
  const words = [];
  if (way.z > 0.5) words.push("head");
  if (way.z < -0.5) words.push("feet");
  if (way.y < -0.38) words.push("front");
  if (way.y > 0.38) words.push("back");
  if (way.x > 0.38) words.push("left");
  if (way.x < -0.38) words.push("right");
  return words.join(" and ");
}
