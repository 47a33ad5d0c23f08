// One run: its facts, learning curves, config, checkpoints and videos.
import { address, keep, path, withQuery } from "../page/address.js";
import { metricName, metricValue } from "./chart.js";
import { changesPanel } from "./changes.js";
import { commandsPanel } from "../page/commands.js";
import { curvesPanel } from "./curves.js";
import { choice, element, every, failure, get, heading } from "../page/dom.js";
import { badge } from "./gallery.js";
import { agentName, duration, gameName, idWords, recording, short, when, whole } from "../page/words.js";

const REFRESH_SECONDS = 2;
const CALM_ROUNDS = 8; // of them, between two looks at a run that is not training

function facts(run) {
  const steps =
    run.env_steps === null
      ? "–"
      : `${whole(run.env_steps)}${run.total_env_steps ? ` of ${whole(run.total_env_steps)}` : ""}`;
  const told = [
    ["Game", gameName(run.game)],
    ["Agent", agentName(run.agent)],
    ["Seed", run.seed ?? "–"],
    ["Env steps", steps],
    ["Time trained", run.wall_seconds === null ? "–" : duration(run.wall_seconds)],
    [
      run.newest_name ? `Newest ${metricName(run.newest_name)}` : "Newest score",
      run.newest_name ? metricValue(run.newest_name, run.newest) : "–",
    ],
    ["Started", run.started ? when(run.started) : "–"],
    ["Machine", run.info.machine ?? "–"],
  ];
  return element(
    "dl",
    { class: "facts panel" },
    told.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: "numbers" }, String(value))),
    ),
  );
}

function head(run) {
  const playable = run.checkpoints.length > 0;
  const play = run.world === "board" ? "Play against it" : "Play this game";
  return [
    heading(run.name, {
      back: { href: "#/", words: "Runs" },
      beside: [
        badge(run),
        run.id === run.name ? null : element("span", { class: "muted" }, idWords(run.id)),
        playable
          ? element("a", { class: "button primary", href: address("play", run.id) }, play)
          : null,
      ],
    }),
    run.problem
      ? element("p", { class: "problem panel", role: "alert" }, `This run is damaged: ${run.problem}.`)
      : null,
    run.note ? element("p", { class: "muted" }, `${run.note}; there is nothing to play or watch.`) : null,
    facts(run),
  ];
}

function videoItem(run, name) {
  const kind = run.world === "board" ? ["game", "runs"] : ["video"];
  const page = address(...kind, run.id, name);
  const at = `api/${path("runs", run.id, "videos", name)}`;
  const video = element("video", {
    src: `${at}.mp4`,
    poster: `${at}/poster`,
    preload: "none",
    muted: true,
    loop: true,
    playsinline: true,
    tabindex: -1,
    "aria-hidden": "true",
  });
  video.muted = true;
  const start = () => video.play().catch(() => {}); // a damaged one keeps its picture
  const stop = () => video.pause();
  const score = run.scores[name];
  const result = score === 0 ? "draw" : `${run.sides?.[score > 0 ? 0 : 1]} won`;
  const told = score === null || score === undefined
    ? null
    : run.world === "board"
      ? result
      : `return ${short(score)}`;
  return element(
    "li",
    {},
    element(
      "a",
      { href: page, onmouseenter: start, onfocus: start, onmouseleave: stop, onblur: stop },
      video,
      element("span", { class: "numbers" }, `step ${recording(name).steps}`),
      told ? element("span", { class: "muted numbers" }, told) : null,
    ),
    downloadButton(run, name),
  );
}

export function downloadLink({ id }, video, words = "Download") {
  const href = `api/${path("runs", id, "videos", video)}.mp4?download=1`;
  const label = `Download the video of step ${recording(video).steps}`;
  return element("a", { class: "download", href, download: "", "aria-label": label }, words);
}

// Among links that lead to pages, what leads to none is a button.
function downloadButton(run, video) {
  const link = downloadLink(run, video);
  const label = link.getAttribute("aria-label");
  const attributes = { type: "button", class: "download link", "aria-label": label };
  return element("button", { ...attributes, onclick: () => link.click() }, "Download");
}

function videosPanel(run) {
  return element(
    "section",
    { class: "panel", "aria-labelledby": "videos-title" },
    element("h2", { id: "videos-title" }, "Videos by training step"),
    run.videos.length
      ? element("ol", { class: "videos" }, run.videos.map((name) => videoItem(run, name)))
      : element("p", { class: "muted" }, "No video was recorded yet."),
  );
}

function checkpointsPanel(run) {
  const newest = run.checkpoints.at(-1);
  return element(
    "section",
    { class: "panel", "aria-labelledby": "checkpoints-title" },
    element("h2", { id: "checkpoints-title" }, "Checkpoints"),
    run.checkpoints.length
      ? element(
          "ol",
          { class: "chips" },
          run.checkpoints.map((step) =>
            element(
              "li",
              { class: "numbers" },
              whole(step),
              step === newest ? element("strong", {}, " newest") : null,
            ),
          ),
        )
      : element("p", { class: "muted" }, "No checkpoint yet."),
  );
}

// A long key breaks where its parts meet.
const breakable = (key) => key.split(/(?<=[._])/).flatMap((part) => [part, element("wbr")]);

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));

// The config as a table; `chosen` is the run it is compared with, `choose(id)` remembers it.
function configPanel(run, others, chosen, choose) {
  const body = element("tbody");
  const heading = element("th", { scope: "col", hidden: true });
  const told = element("p", { class: "muted", role: "status" });
  const only = element("input", { type: "checkbox", onchange: () => fill() });
  const onlyLabel = element("label", { class: "check", hidden: true }, only, "Differences only");
  let other = null;
  let asked = "";

  function fill() {
    const keys = [...new Set([...Object.keys(run.flat), ...Object.keys(other?.flat ?? {})])];
    let differences = 0;
    const rows = keys.map((key) => {
      const mine = key in run.flat ? plain(run.flat[key]) : "–";
      const theirs = other && key in other.flat ? plain(other.flat[key]) : "–";
      const differs = other !== null && mine !== theirs;
      differences += differs;
      if (only.checked && other && !differs) return null;
      return element(
        "tr",
        { class: differs ? "differs" : null },
        element("th", { scope: "row" }, breakable(key), differs ? element("span", { class: "hidden-text" }, " (differs)") : null),
        element("td", {}, mine),
        other ? element("td", {}, theirs) : null,
      );
    });
    body.replaceChildren(...rows.filter(Boolean));
    heading.hidden = onlyLabel.hidden = other === null;
    heading.textContent = other?.name ?? "";
    told.textContent = other ? `${differences} of ${keys.length} keys differ` : "";
  }

  async function compare(id) {
    asked = id;
    try {
      const found = id ? await get(path("runs", id)) : null;
      if (asked !== id) return; // another one was chosen meanwhile
      other = found;
      fill();
    } catch (error) {
      if (asked === id) told.textContent = `cannot compare: ${error.message}`;
    }
  }

  const select = choice(
    [["", "no other run"], ...others.map(({ id }) => [id, idWords(id)])],
    chosen,
    (id) => {
      choose(id);
      compare(id);
    },
  );
  fill();
  if (chosen) compare(chosen);
  return element(
    "section",
    { class: "panel", "aria-labelledby": "config-title" },
    element(
      "div",
      { class: "panel-head" },
      element("h2", { id: "config-title" }, "Config"),
      element("div", { class: "row" }, told, onlyLabel, element("label", {}, "Compare with", select)),
    ),
    Object.keys(run.flat).length
      ? element(
          "div",
          { class: "scroll config", tabindex: 0, role: "region", "aria-label": "Table of the config" },
          element(
            "table",
            { class: "numbers" },
            element(
              "thead",
              {},
              element("tr", {}, element("th", { scope: "col" }, "Key"), element("th", { scope: "col" }, run.name), heading),
            ),
            body,
          ),
        )
      : element("p", { class: "muted" }, "The config cannot be read."),
  );
}

function noLonger() {
  return element(
    "p",
    { class: "problem panel", role: "alert" },
    "This run is no longer there: it was deleted or renamed. ",
    element("a", { href: "#/" }, "All runs"),
  );
}

export async function show(page, [id], query) {
  let run = await get(path("runs", id ?? ""));
  page.classList.add("runs-page");
  let chart = Object.fromEntries(query);
  let against = query.get("against") ?? "";
  const remember = () => keep(page, withQuery(address("run", run.id), { ...chart, against }));
  const curves = curvesPanel(run, query, (state) => {
    chart = {
      metric: state.metric,
      x: state.x === "env_steps" ? "" : state.x,
      smooth: state.smooth || "",
      seeds: state.seeds ? "1" : "",
      with: state.with.join(","),
    };
    remember();
  });
  // Each part is made anew only when what it shows has changed.
  const part = (make, keys) => {
    const box = element("div", { class: "part" });
    let shown = "";
    return {
      box,
      show() {
        const text = JSON.stringify(keys(run));
        if (text !== shown) box.replaceChildren(...[make(run)].flat().filter(Boolean));
        shown = text;
      },
    };
  };
  const { runs: all } = await get("runs/");
  const others = all.filter((other) => other.id !== run.id);
  curves.knowOthers(all);
  const top = part(head, ({ config, flat, videos, scores, spark, notes, commands, ...rest }) => rest);
  const commands = part((r) => commandsPanel(r.commands), (r) => r.commands);
  let gone = false;
  const changes = await changesPanel(() => run, {
    left: () => (gone = true),
    noted: (notes) => (run = { ...run, notes }),
  });
  const videos = part(videosPanel, (r) => [r.videos, r.scores]);
  const checkpoints = part(checkpointsPanel, (r) => r.checkpoints);
  const config = part(
    (r) => configPanel(r, others, against, (other) => ((against = other), remember())),
    (r) => r.flat,
  );
  const parts = [top, videos, commands, checkpoints, config];
  const trouble = element("div", { class: "trouble", role: "status" });
  parts.forEach((one) => one.show());
  page.append(
    top.box, trouble, curves.panel, videos.box, changes.panel, commands.box, checkpoints.box, config.box,
  );
  curves.refresh();

  let round = 0;
  const stop = every(REFRESH_SECONDS, async () => {
    const isLive = run.status === "running" || run.status === "created";
    if (gone || (!isLive && ++round % CALM_ROUNDS)) return;
    try {
      run = await get(path("runs", run.id));
      trouble.replaceChildren();
      parts.forEach((one) => one.show());
      changes.renew(run.notes);
      await curves.refresh();
    } catch (error) {
      if (gone) return;
      trouble.replaceChildren(error.status === 404 ? noLonger() : failure(error));
    }
  });
  return () => {
    stop();
    curves.end();
  };
}
