// The list of runs.
import { address, keep, path, withQuery } from "../page/address.js";
import { metricName, metricValue, sparkline } from "./chart.js";
import { choice, element, every, failure, get, heading } from "../page/dom.js";
import { agentName, duration, fixed, gameName, percent, short } from "../page/words.js";

const REFRESH_SECONDS = 4;
const FIRST = 60; // cards made at once; the others follow while one already reads
const THEN = 100;
const STATUS = {
  running: "training now",
  created: "starting",
  interrupted: "interrupted",
  failed: "failed",
  finished: "finished",
  archived: "archived",
  damaged: "damaged",
};
const WORLDS = {
  atari: "Atari",
  board: "Boards",
  minigrid: "Grids",
  crafter: "Crafter",
  doom: "Doom",
  probe: "Probes",
};
const SORTS = { newest: "Newest", name: "Name", game: "Game", score: "Score, game by game" };

export function badge(run) {
  return element("span", { class: `badge ${run.status}` }, STATUS[run.status] ?? run.status);
}

const byNewest = (a, b) =>
  (b.status === "running") - (a.status === "running") ||
  (b.started ?? "").localeCompare(a.started ?? "") ||
  a.id.localeCompare(b.id);
const ORDER = {
  newest: byNewest,
  name: (a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id),
  game: (a, b) => gameName(a.game).localeCompare(gameName(b.game)) || byNewest(a, b),
  // Numbers of different games, protocols or opponents do not compare.
  score: (a, b) =>
    !a.score - !b.score ||
    (a.score ? a.score.unit.localeCompare(b.score.unit) || b.score.value - a.score.value : 0) ||
    byNewest(a, b),
};

function picture(run) {
  return element("img", {
    class: "poster",
    src: withQuery(`api/${path("runs", run.id, "poster")}`, { v: run.poster }),
    alt: "",
    loading: "lazy",
    decoding: "async",
    width: 480,
    height: 320,
  });
}

function progress(run) {
  const { env_steps: done, total_env_steps: total } = run;
  if (done === null) return element("p", { class: "muted card-steps" }, "no steps yet");
  const share = total ? Math.min(1, done / total) : 1;
  const steps = share < 1 ? `${short(done)} of ${short(total)} steps` : `${short(done)} steps`;
  const time = run.wall_seconds === null ? "" : ` · ${duration(run.wall_seconds)}`;
  return element(
    "div",
    { class: "card-steps" },
    share < 1
      ? element("div", { class: "track" }, element("div", { style: `width:${share * 100}%` }))
      : null,
    element("p", { class: "muted numbers" }, steps + time),
  );
}

// The number that says best how good a run is, and what it is the mean of.
function scoreOf(run) {
  if (!run.score) {
    return run.newest === null
      ? null
      : { value: metricValue(run.newest_name, run.newest), what: metricName(run.newest_name) };
  }
  const { value, ci95, kind, is_share } = run.score;
  const digits = Math.abs(value) >= 10 ? 1 : 2;
  const form = (number) => (is_share ? percent(number, 1) : fixed(number, digits));
  return { value: form(value), what: ci95 ? `${kind} (95%: ${form(ci95[0])} to ${form(ci95[1])})` : kind };
}

function cardOf(run) {
  const told = scoreOf(run);
  const score =
    told === null
      ? element("p", { class: "muted" }, run.status === "running" ? "no score yet" : "no score")
      : element(
          "p",
          {},
          element("strong", { class: "numbers" }, told.value),
          element("span", { class: "muted" }, told.what),
        );
  return element(
    "li",
    { class: "card" },
    picture(run),
    element(
      "div",
      { class: "card-body" },
      element(
        "div",
        { class: "card-head" },
        element("h2", {}, element("a", { href: address("run", run.id) }, run.name)),
        badge(run),
      ),
      element(
        "p",
        { class: "muted card-what" },
        run.game ? `${gameName(run.game)} · ${agentName(run.agent)} · seed ${run.seed ?? "–"}` : run.id,
      ),
      run.problem ? element("p", { class: "problem card-problem" }, run.problem) : null,
      element("div", { class: "card-score" }, score, sparkline(run.spark)),
      progress(run),
    ),
  );
}

function nothingYet() {
  return element(
    "div",
    { class: "panel empty" },
    element("h2", {}, "No runs yet"),
    element("p", {}, "Train one, and it appears here while it learns:"),
    element("pre", {}, element("code", {}, "ludus train configs/board/tic_tac_toe.yaml")),
    element("p", { class: "muted" }, "or show another folder: ludus watch FOLDER"),
  );
}

export async function show(page, parts, query) {
  const state = {
    q: query.get("q") ?? "",
    world: query.get("world") ?? "",
    status: query.get("status") ?? "",
    sort: query.get("sort") in ORDER ? query.get("sort") : "newest",
  };
  let runs = (await get("runs/")).runs;
  const cards = new Map(); // by id: { text, item }
  let limit = FIRST;
  let later = null;

  const set = (key) => (value) => {
    state[key] = value;
    keep(page, withQuery("#/", { ...state, sort: state.sort === "newest" ? "" : state.sort }));
    apply();
  };
  page.classList.add("runs-page");
  const search = element("input", {
    type: "search",
    placeholder: "name, game or agent",
    value: state.q,
    oninput: () => set("q")(search.value),
  });
  const known = (key, words) =>
    [
      ["", "all"],
      ...Object.entries(words).filter(([k]) => k === state[key] || runs.some((r) => r[key] === k)),
    ];
  const labelled = (label, key, options) =>
    element("label", {}, label, choice(options, state[key], set(key)));
  const list = element("ul", { class: "cards" });
  const count = element("p", { class: "muted", role: "status" });
  const none = element("div", { class: "panel empty", hidden: true }, "No run is like this.");
  const trouble = element("div", { class: "trouble" });
  const empty = nothingYet();
  page.append(
    heading("Runs", { beside: [count] }),
    element(
      "div",
      { class: "filters", role: "search" },
      element("label", { class: "grow" }, "Search", search),
      labelled("World", "world", known("world", WORLDS)),
      labelled("Status", "status", known("status", STATUS)),
      labelled("Sort by", "sort", Object.entries(SORTS)),
    ),
    trouble,
    list,
    none,
    empty,
  );

  function wanted(run) {
    const text = [run.id, run.game, gameName(run.game), run.agent, WORLDS[run.world], run.status];
    const words = state.q.toLowerCase().split(/\s+/);
    return (
      words.every((word) => text.join(" ").toLowerCase().includes(word)) &&
      (!state.world || run.world === state.world) &&
      (!state.status || run.status === state.status)
    );
  }

  // Changes only the cards that are not as they should be, so that focus and place stay.
  function apply() {
    const found = runs.filter(wanted).sort(ORDER[state.sort]);
    const shown = found.slice(0, limit);
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const focusedId = focused?.getAttribute("href");
    shown.forEach((run, i) => {
      const text = JSON.stringify(run);
      const card = cards.get(run.id);
      const item = card?.text === text ? card.item : cardOf(run);
      if (card && card.item !== item && card.item.parentNode === list) card.item.replaceWith(item);
      cards.set(run.id, { text, item });
      if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
    });
    while (list.children.length > shown.length) list.lastChild.remove();
    if (focused && document.activeElement !== focused) {
      const again = [...list.querySelectorAll("a")].find((a) => a.getAttribute("href") === focusedId);
      again?.focus({ preventScroll: true });
    }
    const training = runs.filter((run) => run.status === "running").length;
    const many = found.length === runs.length ? runs.length : `${found.length} of ${runs.length}`;
    const told = `${many} run${runs.length === 1 ? "" : "s"}${training ? `, ${training} training now` : ""}`;
    if (count.textContent !== told) count.textContent = told;
    none.hidden = found.length > 0 || !runs.length;
    empty.hidden = runs.length > 0;
    clearTimeout(later);
    if (found.length > limit) {
      later = setTimeout(() => {
        limit += THEN;
        apply();
      }, 40);
    }
  }

  apply();
  const stop = every(REFRESH_SECONDS, async () => {
    try {
      runs = (await get("runs/")).runs;
      trouble.replaceChildren();
      apply();
    } catch (error) {
      trouble.replaceChildren(failure(error));
    }
  });
  return () => {
    stop();
    clearTimeout(later);
  };
}
