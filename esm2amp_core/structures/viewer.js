// Draws a scene (scene.py) with 3Dmol.js, in the app and in a page saved by it (viewer_page.py).
// All words from files go through textContent.

const ROTATE = { ArrowLeft: [-10, "y"], ArrowRight: [10, "y"], ArrowUp: [-10, "x"], ArrowDown: [10, "x"] };
const ZOOM = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 };
let loading = null;

export default function show({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".structure");
  root.choose = setTriggerValue && ((token) => setTriggerValue("chosen", token));
  root.shown = data;
  root.querySelector(".canvas").setAttribute("aria-label", data.alt);
  drawLegend(root.querySelector(".legend"), data.legend);
  load(data.script)
    .then(() => draw(root, data))
    .catch((error) => say(root, data.failed, error));
  return () => dispose(root);
}

function load(address) {
  if (window.$3Dmol) return Promise.resolve();
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => {
      loading = null;
      reject(new Error(address));
    };
    document.head.append(script);
  });
  return loading;
}

function draw(root, data) {
  const box = root.querySelector(".canvas");
  const viewer = (root.viewer ??= makeViewer(root, box));
  root.chains = data.scene.chains;
  for (const chain of Object.values(root.chains)) {
    chain.index = new Map(chain.numbers.map((number, i) => [number, i]));
  }
  const isNew = root.pdb !== data.scene.pdb;
  if (isNew) {
    viewer.removeAllModels();
    viewer.addModel(data.scene.pdb, "pdb");
    root.pdb = data.scene.pdb;
  }
  viewer.removeAllLabels();
  for (const [method, ...args] of data.scene.calls) viewer[method](...args);
  if (isNew) showAll(viewer);
  viewer.setClickable({}, true, (atom) => {
    const token = nameOf(root, atom, "tokens");
    if (token) root.choose?.(token);
  });
  viewer.setHoverable({}, true, (atom) => point(root, nameOf(root, atom, "labels")), () => point(root, ""));
  viewer.render();
  root.dataset.drawn = String(Number(root.dataset.drawn ?? 0) + 1); // tests wait for it
}

function makeViewer(root, box) {
  const viewer = window.$3Dmol.createViewer(box, { backgroundAlpha: 0, antialias: true });
  if (!viewer) throw new Error("no WebGL");
  viewer.setBackgroundColor(0xffffff, 0);
  viewer.setHoverDuration(60);
  // Unless the picture was clicked first, the wheel scrolls the page.
  box.addEventListener("wheel", (event) => {
    if (!root.matches(":focus-within")) event.stopImmediatePropagation();
  }, { capture: true });
  box.addEventListener("pointerdown", () => box.focus({ preventScroll: true }));
  box.addEventListener("keydown", (event) => {
    if (ROTATE[event.key]) viewer.rotate(...ROTATE[event.key]);
    else if (ZOOM[event.key]) viewer.zoom(ZOOM[event.key]);
    else if (event.key === "0") showAll(viewer);
    else return;
    viewer.render();
    event.preventDefault();
  });
  root.querySelector(".reset").onclick = () => showAll(viewer);
  root.querySelector(".png").onclick = () => save(viewer, root.shown);
  new ResizeObserver(() => viewer.resize()).observe(box);
  return viewer;
}

function showAll(viewer) {
  viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]); // as the file has it
  viewer.zoomTo();
  viewer.zoom(1.15);
}

async function save(viewer, { title, legend, name }) {
  const picture = new Image();
  picture.src = viewer.pngURI();
  await picture.decode();
  const link = document.createElement("a");
  link.href = onPaper(picture, title, legend).toDataURL("image/png");
  link.download = `${name}.png`;
  link.click();
}

function nameOf(root, atom, list) {
  const chain = root.chains[atom.chain];
  return chain?.[list][chain.index.get(atom.resi)] ?? "";
}

function point(root, words) {
  root.querySelector(".pointed").textContent = words;
}

function drawLegend(legend, { entries, gradient, low, high }) {
  legend.replaceChildren();
  if (gradient.length) {
    const bar = element("span", "bar");
    bar.style.background = `linear-gradient(to right, ${gradient.join(", ")})`;
    legend.append(element("span", "words", low), bar, element("span", "words", high));
  }
  for (const [colour, words] of entries) {
    const patch = element("span", "patch");
    patch.style.background = colour;
    const entry = element("span", "entry");
    entry.append(patch, element("span", "words", words));
    legend.append(entry);
  }
}

function element(tag, className, words = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = words;
  return made;
}

function say(root, words, error) {
  console.warn("3D viewer:", error);
  root.classList.add("failed");
  root.querySelector(".canvas").textContent = words;
}

function dispose(root) {
  if (root.isConnected || !root.viewer) return;
  // A browser allows some sixteen of these; those of pictures that are gone must not count.
  for (const canvas of root.querySelectorAll("canvas")) {
    const gl = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
  root.viewer = root.pdb = undefined;
}
