// The strength of a run's checkpoints against training steps.
import { element, panel, svg } from "../page/dom.js";
import { searchWords } from "./names.js";
import { short, signed } from "../page/words.js";

const COLOURS = ["--accent", "--warn", "--good", "--bad", "--muted"];

export function ladder({ players, kind }, ends) {
  // Where there is no interval, the shade narrows to the point.
  const value = kind === "scores" ? ({ mean: [mean, low, high] }) => [mean, low ?? mean, high ?? mean]
    : ({ rating, low, high }) => [rating, low, high];
  const runs = new Map();
  for (const player of players) {
    if (player.ladder === null) continue;
    if (!runs.has(player.ladder)) runs.set(player.ladder, []);
    runs.get(player.ladder).push({ step: player.env_steps, at: value(player), player });
  }
  const climbed = [...runs].filter(([, points]) => points.length > 1)
    .sort(([, one], [, other]) => other.length - one.length).slice(0, COLOURS.length);
  if (!climbed.length) return null;
  for (const [, points] of climbed) points.sort((one, other) => one.step - other.step);
  const shown = new Set(climbed.flatMap(([, points]) => points.map(({ player }) => player.name)));
  const others = players.filter((player) => !shown.has(player.name))
    .map((player) => ({ player, at: value(player) }));
  const what = kind === "scores" ? "Return" : "Elo";
  const holder = element("div", { class: "t-ladder" });
  const draw = () => holder.replaceChildren(
    drawLadder(climbed, others, holder.clientWidth, what, kind === "scores"));
  const observer = new ResizeObserver(draw);
  observer.observe(holder);
  ends.push(() => observer.disconnect());
  const legend = element("ul", { class: "t-legend" }, climbed.map(([run], i) => element("li", {},
    element("span", { class: "swatch", style: `--c: var(${COLOURS[i]})` }), searchWords(run))));
  return panel(`${what} against training`, legend, holder, element("p", { class: "muted t-small" },
    "Shaded: 95% intervals. Dotted: players that are no checkpoints of these runs."));
}

function drawLadder(runs, others, width, what, digits) {
  const narrow = width < 560;
  const height = narrow ? 280 : 340;
  const box = { left: 52, right: width - (others.length && !narrow ? 170 : 14), top: 12, bottom: height - 44 };
  const points = runs.flatMap(([, run]) => run);
  const values = [...points.flatMap(({ at }) => at.slice(1)), ...others.map(({ at }) => at[0])];
  const [low, high] = padded(Math.min(...values), Math.max(...values));
  const steps = points.map(({ step }) => step);
  const [first, last] = [Math.min(0, ...steps), Math.max(...steps)];
  const x = (step) => box.left + ((step - first) / (last - first || 1)) * (box.right - box.left);
  const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
  const text = (options, label) => svg("text", options, label);
  const parts = [];
  for (const tick of ticks(low, high, 6)) {
    parts.push(svg("line", { x1: box.left, x2: box.right, y1: y(tick), y2: y(tick), class: "t-grid" }),
      text({ x: box.left - 8, y: y(tick) + 4, "text-anchor": "end" }, digits ? short(tick) : signed(tick)));
  }
  for (const tick of ticks(first, last, narrow ? 3 : 6)) {
    parts.push(text({ x: x(tick), y: box.bottom + 20, "text-anchor": "middle" }, short(tick)));
  }
  parts.push(text({ x: (box.left + box.right) / 2, y: height - 4, "text-anchor": "middle", class: "t-axis" },
    "steps of training"));
  const labels = spread(others.map(({ at, player }) => ({ y: y(at[0]), player })), 15, box);
  for (const { y: at, label, player } of labels) {
    parts.push(svg("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "t-other" }));
    const label_ = text(narrow ? { x: box.right - 4, y: label - 4, "text-anchor": "end" }
      : { x: box.right + 8, y: label + 4 }, cut(player.short, narrow ? 30 : 22));
    label_.append(svg("title", {}, player.name));
    parts.push(label_);
  }
  runs.forEach(([, run], i) => {
    const style = `--run: var(${COLOURS[i]})`;
    const up = run.map(({ step, at }) => `${x(step)},${y(at[2])}`);
    const down = run.map(({ step, at }) => `${x(step)},${y(at[1])}`).reverse();
    parts.push(svg("polygon", { points: [...up, ...down].join(" "), class: "t-interval", style }),
      svg("polyline", { points: run.map(({ step, at }) => `${x(step)},${y(at[0])}`).join(" "), class: "t-run", style }));
    for (const { step, at, player } of run) {
      const dot = svg("circle", { cx: x(step), cy: y(at[0]), r: 4, class: "t-dot", style });
      dot.append(svg("title", {}, `${player.short}: ${digits ? short(at[0]) : signed(at[0])}`));
      parts.push(dot);
    }
  });
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${what} of ${points.length} checkpoints against steps of training; the table has the numbers` },
  parts);
}

function padded(low, high) {
  const room = (high - low || 1) * 0.05;
  return [low - room, high + room];
}

function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) {
    found.push(+tick.toPrecision(12));
  }
  return found;
}

// Labels that would lie on one another are moved apart; their lines stay.
function spread(lines, distance, box) {
  const sorted = lines.sort((one, other) => one.y - other.y).map((line) => ({ ...line, label: line.y }));
  for (let i = 1; i < sorted.length; i++) {
    sorted[i].label = Math.max(sorted[i].label, sorted[i - 1].label + distance);
  }
  for (let i = sorted.length - 1, most = box.bottom; i >= 0; i--, most -= distance) {
    sorted[i].label = Math.min(sorted[i].label, most);
  }
  return sorted;
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
