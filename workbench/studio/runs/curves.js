// The learning curves of a run, and those of others for comparison.
import { path, withQuery } from "../page/address.js";
import { Chart, COLOURS, metricName, metricValue, xText } from "./chart.js";
import { element, get } from "../page/dom.js";

const MOST = COLOURS; // curves in one chart
const PREFERRED = ["elo", "episode_return", "score_mcts_", "keeps_value", "score_", "loss"];

function preferred(names) {
  for (const start of PREFERRED) {
    const fitting = names.filter((name) => name.startsWith(start));
    const length = Math.max(...fitting.map((name) => name.length));
    const best = fitting.findLast((name) => name.length === length);
    if (best) return start === "elo" ? (names.includes("elo") ? "elo" : best) : best;
  }
  return names[0] ?? null;
}

// `run`: its card; `query`: what the address says of the chart; `remember(state)` puts it there.
export function curvesPanel(run, query, remember) {
  const state = {
    metric: query.get("metric") ?? "",
    x: query.get("x") === "wall_seconds" ? "wall_seconds" : "env_steps",
    smooth: Math.min(0.98, Math.max(0, Number(query.get("smooth")) || 0)),
    seeds: query.get("seeds") === "1",
    with: (query.get("with") ?? "").split(",").filter(Boolean).slice(0, MOST - 1),
  };
  let others = []; // cards of the other runs
  let answers = new Map(); // by id: what the server told of its curves
  let lines = [];
  let turn = 0;

  const readout = element("p", { class: "readout muted numbers", "aria-hidden": "true" });
  const hint = "Point at the chart for values; drag to zoom, double-click to see all again.";
  const chart = new Chart((x, parts) => {
    if (x === null) readout.replaceChildren(hint);
    else {
      readout.replaceChildren(
        xText(state.x, x),
        ...parts.map(([i, name, value]) => element("span", {}, swatch(i), `${name} `, value)),
      );
    }
  });
  readout.append(hint);
  const metric = element("select", { onchange: () => change({ metric: metric.value }) });
  const x = element(
    "select",
    { onchange: () => change({ x: x.value }) },
    element("option", { value: "env_steps", selected: state.x === "env_steps" }, "env steps"),
    element("option", { value: "wall_seconds", selected: state.x !== "env_steps" }, "wall time"),
  );
  const smoothing = element("input", {
    type: "range",
    min: 0,
    max: 0.98,
    step: 0.02,
    value: state.smooth,
    oninput: () => {
      state.smooth = Number(smoothing.value);
      remember(state);
      draw();
    },
  });
  const shareTold = element("output", { class: "numbers" });
  const seeds = element("input", {
    type: "checkbox",
    checked: state.seeds,
    onchange: () => change({ seeds: seeds.checked }),
  });
  const seedsLabel = element("label", { class: "check", hidden: true }, seeds, "Group seeds");
  const options = element("datalist", { id: "runs-to-compare" });
  const adding = element("input", {
    list: "runs-to-compare",
    placeholder: "add a run",
    "aria-label": "Compare with a run",
    autocomplete: "off",
    onchange: () => add(),
    onkeydown: (event) => event.key === "Enter" && add(),
  });
  const addTold = element("span", { class: "problem", role: "status" });
  const chips = element("ul", { class: "chips", "aria-label": "Compared runs" });
  const table = element("tbody");
  const values = element("tbody");
  const trouble = element("p", { class: "muted chart-empty", role: "status", hidden: true });
  const panel = element(
    "section",
    { class: "panel curves", "aria-labelledby": "curves-title" },
    element(
      "div",
      { class: "panel-head" },
      element("h2", { id: "curves-title" }, "Learning curves"),
      element(
        "div",
        { class: "row" },
        element("label", {}, "Metric", metric),
        element("label", {}, "Over", x),
        element("label", {}, "Smoothing", smoothing, shareTold),
        seedsLabel,
      ),
    ),
    element(
      "div",
      { class: "curves-body" },
      element(
        "div",
        { class: "curves-chart" },
        chart.box,
        trouble,
        readout,
        element("div", { class: "row compare" }, adding, options, chips, addTold),
        element(
          "div",
          { class: "scroll", tabindex: 0, role: "region", "aria-label": "Newest values of the curves" },
          element(
            "table",
            { class: "numbers" },
            element("caption", { class: "hidden-text" }, "Newest values of the curves drawn"),
            element(
              "thead",
              {},
              element(
                "tr",
                {},
                ["Curve", "Newest", "Lowest", "Highest", "Until"].map((text) =>
                  element("th", { scope: "col" }, text),
                ),
              ),
            ),
            table,
          ),
        ),
      ),
      element(
        "div",
        { class: "values", tabindex: 0, role: "region", "aria-label": "Newest value of each metric" },
        element(
          "table",
          { class: "numbers" },
          element("caption", { class: "hidden-text" }, "Newest value of each metric of this run"),
          element(
            "thead",
            {},
            element("tr", {}, element("th", { scope: "col" }, "Metric"), element("th", { scope: "col" }, "Newest")),
          ),
          values,
        ),
      ),
    ),
  );

  function swatch(i) {
    return element("span", { class: "swatch", style: `--c: var(--series-${i % COLOURS})` });
  }

  function change(changes) {
    Object.assign(state, changes);
    remember(state);
    return refresh();
  }

  function add() {
    const asked = adding.value.trim();
    const found = others.find((other) => other.id === asked || other.name === asked);
    addTold.textContent = "";
    if (!asked) return;
    if (!found) addTold.textContent = "there is no such run";
    else if (state.with.length >= MOST - 1) addTold.textContent = `at most ${MOST} curves`;
    else {
      adding.value = "";
      if (!state.with.includes(found.id)) change({ with: [...state.with, found.id] });
    }
  }

  async function refresh() {
    const mine = ++turn;
    const ask = (id, names) =>
      get(withQuery(path("runs", id, "curves"), { names, x: state.x, points: 600 }));
    try {
      let own = await ask(run.id, state.metric);
      if (!own.names.includes(state.metric) && own.names.length) {
        state.metric = preferred(own.names);
        own = await ask(run.id, state.metric);
      }
      const found = [[run.id, own]];
      for (const id of state.with) {
        found.push([id, await ask(id, state.metric).catch((error) => ({ error }))]);
      }
      const group =
        state.seeds && state.metric
          ? await get(withQuery(path("runs", run.id, "seeds"), { name: state.metric, x: state.x }))
          : null;
      if (mine !== turn) return;
      answers = new Map(found);
      lines = found.map(([id, answer]) => lineOf(id, answer, group));
      trouble.hidden = lines.some((line) => line.x.length);
      trouble.textContent = "No values of this metric yet; they appear while it trains.";
    } catch (error) {
      if (mine !== turn) return;
      lines = [];
      trouble.hidden = false;
      trouble.textContent = `There are no curves: ${error.message}.`;
    }
    show();
  }

  function lineOf(id, answer, group) {
    const name = id === run.id ? run.name : (others.find((o) => o.id === id)?.name ?? id);
    if (id === run.id && group?.x.length) {
      const { x, mean, min, max } = group;
      return { id, name: `${name}, mean of ${group.runs.length} seeds`, x, mean, min, max };
    }
    const curve = answer.curves?.[state.metric] ?? { x: [], y: [] };
    return { id, name: answer.error ? `${name}: ${answer.error.message}` : name, ...curve };
  }

  function draw() {
    shareTold.textContent = state.smooth.toFixed(2);
    chart.draw(lines, state.metric, state.x, state.smooth);
  }

  function show() {
    const own = answers.get(run.id);
    const names = own?.names ?? [];
    if ([...metric.options].map((o) => o.value).join() !== names.join()) {
      metric.replaceChildren(
        ...names.map((name) => element("option", { value: name }, metricName(name))),
      );
    }
    metric.value = state.metric;
    draw();
    chips.replaceChildren(
      ...state.with.map((id, i) => {
        const { name } = lines.find((line) => line.id === id) ?? { name: id };
        const remove = () => {
          change({ with: state.with.filter((other) => other !== id) });
          adding.focus();
        };
        return element(
          "li",
          {},
          swatch(i + 1),
          name,
          element("button", { onclick: remove, "aria-label": `Remove ${name}`, type: "button" }, "×"),
        );
      }),
    );
    table.replaceChildren(
      ...lines.map((line, i) => {
        const y = line.mean ?? line.y;
        const told = y.length
          ? [y.at(-1), Math.min(...(line.min ?? y)), Math.max(...(line.max ?? y))]
          : [null, null, null];
        return element(
          "tr",
          {},
          element("th", { scope: "row" }, swatch(i), line.name),
          told.map((value) => element("td", {}, metricValue(state.metric, value))),
          element("td", {}, y.length ? xText(state.x, line.x.at(-1)) : "–"),
        );
      }),
    );
    showValues(names, own?.newest ?? {});
  }

  // Kept as they are but for the numbers, so that the keyboard stays where it is.
  function showValues(names, newest) {
    if ([...values.rows].map((row) => row.dataset.name).join() !== names.join()) {
      values.replaceChildren(
        ...names.map((name) =>
          element(
            "tr",
            { "data-name": name },
            element(
              "th",
              { scope: "row" },
              element(
                "button",
                { class: "link", type: "button", onclick: () => change({ metric: name }) },
                metricName(name),
              ),
            ),
            element("td"),
          ),
        ),
      );
    }
    for (const row of values.rows) {
      const { name } = row.dataset;
      row.cells[1].textContent = metricValue(name, newest[name]);
      row.classList.toggle("current", name === state.metric);
      row.querySelector("button").setAttribute("aria-pressed", String(name === state.metric));
    }
  }

  return {
    panel,
    refresh,
    end() {
      turn++; // what is on its way is no longer drawn
      chart.end();
    },
    knowOthers(runs) {
      others = runs.filter((other) => other.id !== run.id);
      options.replaceChildren(
        ...others.map((other) => element("option", { value: other.id }, other.name)),
      );
      const alike = others.filter((other) => run.family && other.family === run.family);
      seedsLabel.hidden = !alike.length && !state.seeds;
    },
  };
}
