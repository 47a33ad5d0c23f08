// Timelines of a whole episode, one column per frame, with a mark at the current frame.
import { element } from "../page/dom.js";
import { short } from "../page/words.js";

const HEIGHTS = { value: 84, reward: 30, action: 20, norm: 34, memory: 112 };

export function actionColour(i, count) {
  return `hsl(${Math.round((i * 360) / count + 210) % 360} 62% ${i % 2 ? 46 : 60}%)`;
}

// Returns { node, show(t), end() }; `seek(t)` is called when a person chooses a frame, and
// `memory`, where the agent has one, is the element that shows it.
export function timeline({ trace, facts, memory, describe, seek }) {
  const last = trace.steps.length - 1;
  const strips = [
    strip("value", "Value", rangeOf(facts.value), drawValue),
    strip("reward", "Reward", null, drawReward),
    strip("action", "Action", null, drawAction),
  ];
  if (memory) {
    const norms = trace.steps.map((step) => step.memory_norm);
    strips.push(strip("norm", "Memory size", null, drawNorm(norms)));
  }
  const cursor = element("div", { class: "ep-cursor" });
  const track = element(
    "div",
    {
      class: "ep-track",
      role: "slider",
      tabindex: "0",
      "aria-label": "Position in the episode",
      "aria-valuemin": 0,
      "aria-valuemax": last,
      "aria-valuenow": 0,
      "aria-valuetext": "",
    },
    strips.map(({ canvas }) => canvas),
    memory ? element("div", { class: "ep-strip ep-memory" }, memory) : null,
    cursor,
  );
  const labels = strips.map(({ name, title, note }) =>
    element(
      "div",
      { class: "ep-strip-label", style: `height: ${HEIGHTS[name]}px` },
      element("span", {}, title),
      note ? element("span", { class: "muted numbers" }, note) : null,
    ),
  );
  if (memory) {
    labels.push(
      element(
        "div",
        { class: "ep-strip-label", style: `height: ${HEIGHTS.memory}px` },
        element("span", {}, "Units"),
        element("span", { class: "muted" }, "a row each"),
      ),
    );
  }
  const node = element(
    "div",
    { class: "ep-timeline" },
    element("div", { class: "ep-strip-labels", "aria-hidden": "true" }, labels),
    track,
  );

  const draw = () => strips.forEach(({ canvas, paint }) => redraw(canvas, paint, trace, facts));
  const observer = new ResizeObserver(draw);
  observer.observe(track);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", draw);

  const at = (event) => {
    const box = track.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(last, Math.max(0, Math.floor(share * (last + 1))));
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    track.setPointerCapture(event.pointerId);
    seek(at(event));
  });
  track.addEventListener("pointermove", (event) => {
    if (track.hasPointerCapture(event.pointerId)) seek(at(event));
    track.title = describe(at(event));
  });

  return {
    node,
    show(t) {
      cursor.style.left = `${((t + 0.5) / (last + 1)) * 100}%`;
      track.setAttribute("aria-valuenow", t);
      track.setAttribute("aria-valuetext", describe(t));
    },
    end() {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
    },
  };
}

function strip(name, title, note, paint) {
  const canvas = element("canvas", { class: "ep-strip", style: `height: ${HEIGHTS[name]}px` });
  return { name, title, note, paint, canvas };
}

function rangeOf(numbers) {
  const finite = numbers.filter(Number.isFinite);
  const [low, high] = [extreme(finite, Math.min), extreme(finite, Math.max)];
  return `${short(low)} to ${short(high)}`;
}

function extreme(numbers, choose) {
  return numbers.reduce((a, b) => choose(a, b), numbers[0]);
}

function redraw(canvas, paint, trace, facts) {
  const { width, height } = canvas.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  paint(context, { width, height, colour, trace, facts });
}

function line(context, numbers, { width, height }) {
  const low = extreme(numbers, Math.min);
  const high = extreme(numbers, Math.max);
  const margin = 6;
  const place = (number) =>
    height - margin - (high > low ? (number - low) / (high - low) : 0.5) * (height - 2 * margin);
  const path = new Path2D();
  numbers.forEach((number, t) => path.lineTo(((t + 0.5) / numbers.length) * width, place(number)));
  context.lineJoin = "round";
  context.lineWidth = numbers.length > width ? 1 : 2;
  context.stroke(path);
  return place;
}

function drawValue(context, size) {
  const { width, height, colour, facts } = size;
  context.strokeStyle = colour("accent");
  const place = line(context, facts.value, size);
  context.fillStyle = colour("warn");
  for (const { t, kind } of facts.events) {
    if (kind !== "surprise") continue;
    const x = ((t + 0.5) / facts.value.length) * width;
    context.beginPath();
    context.arc(x, Math.min(height - 4, Math.max(4, place(facts.value[t]))), 4, 0, 7);
    context.fill();
  }
}

function drawReward(context, { width, height, colour, trace, facts }) {
  const rewards = facts.events.filter(({ kind }) => kind === "reward");
  const most = extreme([1e-9, ...rewards.map(({ amount }) => Math.abs(amount))], Math.max);
  const frames = trace.steps.length;
  context.fillStyle = colour("line");
  context.fillRect(0, height / 2 - 0.5, width, 1);
  for (const { t, amount } of rewards) {
    const size = Math.max(4, (Math.abs(amount) / most) * (height / 2 - 3));
    const wide = Math.min(10, Math.max(3, (width / frames) * 0.6));
    context.fillStyle = colour(amount > 0 ? "good" : "bad");
    const x = ((t + 0.5) / frames) * width - wide / 2;
    context.fillRect(x, amount > 0 ? height / 2 - size : height / 2, wide, size);
  }
  context.fillStyle = colour("bad");
  for (const { t, kind } of facts.events) {
    if (kind === "life") context.fillRect(((t + 0.5) / frames) * width - 1, 0, 2, height);
  }
}

// Where several frames share a pixel, it has the colour of the action taken most often there.
function drawAction(context, { width, height, trace }) {
  const frames = trace.steps.length;
  const count = trace.action_names.length;
  const columns = Math.min(frames, Math.max(1, Math.floor(width)));
  for (let column = 0; column < columns; column++) {
    const begin = Math.floor((column * frames) / columns);
    const end = Math.floor(((column + 1) * frames) / columns);
    const taken = new Map();
    for (const { action } of trace.steps.slice(begin, end)) {
      taken.set(action, (taken.get(action) ?? 0) + 1);
    }
    const [most] = [...taken].reduce((a, b) => (b[1] > a[1] ? b : a));
    if (most === null) continue;
    context.fillStyle = actionColour(most, count);
    const left = (column / columns) * width;
    const gap = width / columns > 8 ? 1 : -0.5; // neighbours touch where they are narrow
    context.fillRect(left, 2, width / columns - gap, height - 4);
  }
}

function drawNorm(norms) {
  return (context, size) => {
    context.strokeStyle = size.colour("good");
    line(context, norms, size);
  };
}
