// Curves and sparklines, and the names of metrics in words.
import { element, svg } from "../page/dom.js";
import { minus, percent, short } from "../page/words.js";

const DASHES = [[], [9, 4], [3, 3], [12, 4, 3, 4], [6, 6], [2, 5]];
export const COLOURS = DASHES.length;
const PERCENT = /^(score_|keeps_value$|strictly_best$|draws$)/;
const WORDS = {
  elo: "Elo",
  episode_return: "return",
  keeps_value: "moves that keep the value",
  score_random: "score vs random",
  env_steps: "env steps",
  wall_seconds: "wall time",
};

export function metricName(name) {
  const opponent = /^score_mcts_(\d+)$/.exec(name);
  return opponent ? `score vs MCTS ${opponent[1]}` : (WORDS[name] ?? name.replaceAll("_", " "));
}

export function metricValue(name, value) {
  if (value === null || value === undefined) return "–";
  if (PERCENT.test(name) && Math.abs(value) <= 1) {
    const isWhole = Number.isInteger(+(100 * value).toFixed(1));
    return percent(value, isWhole ? 0 : 1);
  }
  if (name.startsWith("elo")) return minus(String(Math.round(value)));
  const size = Math.abs(value);
  if (size > 0 && (size < 1e-3 || size >= 1e12)) return minus(value.toExponential(2));
  return short(value);
}

// Points from 0 to 100, drawn as a line with a dot at its end.
export function sparkline(points) {
  const shape = svg("svg", { class: "spark", viewBox: "0 0 108 34", "aria-hidden": "true" });
  if (points.length > 1) {
    const places = points.map((y, i) => [
      3 + (100 * i) / (points.length - 1),
      30 - (26 * y) / 100,
    ]);
    const line = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const [x, y] = places.at(-1);
    shape.append(
      svg("polygon", { points: `3,33 ${line} ${x.toFixed(1)},33`, class: "spark-ground" }),
      svg("polyline", { points: line }),
      svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.5 }),
    );
  }
  return shape;
}

// The mean of what came before, weighed less the longer ago it was; 0 leaves all as it is.
function smooth(values, share) {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = share * sum + (1 - share) * value;
    weight = share * weight + (1 - share);
    return sum / weight;
  });
}

function clock(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes) return seconds % 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${minutes} min`;
  return `${+seconds.toFixed(1)} s`;
}

export const xText = (name, value) => (name === "wall_seconds" ? clock(value) : short(value));

// A chart that is filled by `draw`. Lines are { name, x, y } or { name, x, mean, min, max }.
export class Chart {
  constructor(onPoint) {
    this.box = element("div", { class: "chart", role: "img", "aria-label": "Curves, not drawn yet" });
    this.onPoint = onPoint;
    this.plot = null;
    this.drawn = null;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.box);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => this.drawn && this.draw(...this.drawn);
    this.scheme.addEventListener("change", this.repaint);
  }

  end() {
    this.watch.disconnect();
    this.scheme.removeEventListener("change", this.repaint);
    this.plot?.destroy();
    this.plot = null;
  }

  size() {
    const width = Math.max(240, this.box.clientWidth);
    return { width, height: Math.round(Math.min(380, Math.max(240, width * 0.5))) };
  }

  resize() {
    const { width, height } = this.size();
    if (this.plot && (width !== this.plot.width || height !== this.plot.height)) {
      this.plot.setSize({ width, height });
    }
  }

  // The part of the x axis that somebody looks at closely, if so.
  zoom() {
    const { min, max } = this.plot.scales.x;
    const all = this.plot.data[0];
    return all.length && (min > all[0] || max < all.at(-1)) ? { min, max } : null;
  }

  draw(lines, metric, xName, share) {
    const zoom = this.plot && this.drawn[2] === xName ? this.zoom() : null;
    const { left = -1, top } = this.plot?.cursor ?? {};
    this.drawn = [lines, metric, xName, share];
    const style = getComputedStyle(this.box);
    const colour = (name) => style.getPropertyValue(name).trim();
    const series = [{}];
    const bands = [];
    const tables = [];
    lines.forEach((line, i) => {
      const stroke = colour(`--series-${i % COLOURS}`);
      const add = (values, options) => {
        series.push({ label: line.name, spanGaps: true, points: { show: false }, ...options });
        return values;
      };
      const columns = [line.x];
      const bold = { stroke, width: 2.25, dash: DASHES[i % COLOURS], main: i };
      if (line.mean) {
        bands.push({ series: [series.length, series.length + 1], fill: `${stroke}33` });
        columns.push(add(smooth(line.max, share), { stroke: `${stroke}66`, width: 1 }));
        columns.push(add(smooth(line.min, share), { stroke: `${stroke}66`, width: 1 }));
        columns.push(add(smooth(line.mean, share), bold));
      } else {
        if (share > 0) columns.push(add(line.y, { stroke: `${stroke}4d`, width: 1 }));
        const few = line.x.length < 30;
        columns.push(add(smooth(line.y, share), { ...bold, points: { show: few, size: 6 } }));
      }
      tables.push(columns);
    });
    const axis = {
      stroke: colour("--muted"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1, size: 5 },
    };
    const options = {
      ...this.size(),
      series,
      bands,
      padding: [12, 16, 0, 0],
      legend: { show: false },
      scales: { x: { time: false } },
      cursor: { y: false, points: { size: 8 }, drag: { setScale: true, x: true, y: false } },
      axes: [
        { ...axis, size: 34, space: 90, values: (_, values) => values.map((v) => xText(xName, v)) },
        { ...axis, size: 62, values: (_, values) => values.map((v) => metricValue(metric, v)) },
      ],
      hooks: { setCursor: [(plot) => this.tell(plot, metric)] },
    };
    if (xName === "wall_seconds") {
      options.axes[0].incrs = [
        0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 604800,
      ];
    }
    this.plot?.destroy();
    this.plot = new uPlot(options, tables.length ? uPlot.join(tables) : [[]], this.box);
    if (zoom) this.plot.setScale("x", zoom);
    // Later, as scales are set later, too.
    if (left >= 0) queueMicrotask(() => this.plot?.setCursor({ left, top }));
    this.box.setAttribute("aria-label", `Curves of ${metricName(metric)}; the table tells them`);
  }

  // Says what stands at the cursor.
  tell(plot, metric) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined) {
      this.onPoint(null);
      return;
    }
    const parts = plot.series.flatMap((one, i) => {
      if (one.main === undefined) return [];
      const value = nearest(plot.data[i], at);
      return value === null ? [] : [[one.main, one.label, metricValue(metric, value)]];
    });
    this.onPoint(plot.data[0][at], parts);
  }
}

// The value at an index, or the last before it: other curves have points in between.
function nearest(values, at) {
  for (let i = at; i >= 0; i--) if (values[i] !== null && values[i] !== undefined) return values[i];
  return null;
}
