// Tournaments: the list, and one with its ratings, crosstable, ladder of checkpoints and games.
import { element, every, get, short, svg } from "./dom.js";

const COMMAND = "ludus tournament runs/zoo/connect-four@all random --games 10 --simulations 16";
const REFRESH_SECONDS = 5;
const STATUS = { running: "playing now", interrupted: "not finished" };
const PAGE = 50; // games that the studio sends at a time

export async function show(page, parts, query) {
  if (parts[0]) return showOne(page, parts[0], query);
  return showAll(page);
}

// ---- numbers and names

function signed(number, digits = 0) {
  const text = Math.abs(number).toFixed(digits);
  const sign = Number(text) === 0 ? "" : number < 0 ? "−" : "+";
  return sign + Number(text).toLocaleString("en", { minimumFractionDigits: digits });
}

function plain(number, digits) {
  return number.toFixed(digits).replace("-", "−");
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

function date(seconds) {
  return new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

// "connect_four" -> "Connect four", "minigrid/MiniGrid-MemoryS9-v0" -> "MemoryS9"
function gameName(game) {
  const last = game.split("/").pop().replace(/^(MiniGrid|BabyAI|Vizdoom)-?/, "").replace(/-v\d+$/, "");
  const size = last.match(/^(\w+)\(board_size=(\d+)\)$/);
  const name = size ? `${size[1]} ${size[2]}×${size[2]}` : last.replaceAll("_", " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function address(id) {
  return `#/tournaments/${encodeURIComponent(id)}`;
}

function badge(status) {
  return STATUS[status] ? element("span", { class: `badge ${status}` }, STATUS[status]) : null;
}

// The step and the search tell checkpoints apart, so that where space is short the rest is cut.
function name(player) {
  const told = player.short.replace(/\?simulations=(\d+)$/, " · $1 sims");
  const at = told.includes("@") ? told.lastIndexOf("@") : told.length;
  return element("span", { class: "t-player", title: player.name },
    element("span", { class: "t-run-name" }, told.slice(0, at)),
    at < told.length ? element("span", {}, told.slice(at)) : null);
}

// ---- the list

async function showAll(page) {
  const list = element("div", { class: "tournaments" });
  page.append(element("h1", {}, "Tournaments"), list);
  const fill = async () => {
    const { tournaments } = await get("tournaments/");
    if (!tournaments.length) list.replaceChildren(nothing());
    else list.replaceChildren(element("ul", { class: "t-cards" }, tournaments.map(card)));
    return tournaments.some(({ status }) => status === "running");
  };
  return (await fill()) ? every(REFRESH_SECONDS, () => fill().catch(() => {})) : null;
}

function nothing() {
  return element("div", { class: "panel t-empty" },
    element("p", {}, "There is none yet. A tournament says who is stronger, and how sure that is: "
      + "checkpoints, other runs, random play, searches and engines. This starts one, in a minute or two:"),
    element("pre", { tabindex: "0" }, element("code", {}, COMMAND)),
    element("p", { class: "muted" }, "It shows up here as soon as its first game has ended."));
}

function unreadable(lines) {
  return lines ? element("p", { class: "problem" },
    `${counted(lines, "line")} of its file cannot be read and ${lines === 1 ? "is" : "are"} left out.`) : null;
}

function card(one) {
  if (one.problem) {
    return element("li", { class: "panel t-card" }, element("h2", {}, one.name),
      element("span", { class: "badge damaged" }, "damaged"),
      element("p", { class: "problem" }, one.problem));
  }
  const scores = one.kind === "scores";
  const best = one.best && one.count
    ? [element("dt", {}, scores ? "Best" : "Strongest"),
      element("dd", { title: one.best.name }, element("b", {}, one.best.short), " ",
        element("span", { class: "muted numbers" },
          scores ? short(one.best.value) : `${signed(one.best.value)} Elo`))]
    : [];
  return element("li", { class: "panel t-card" },
    element("div", { class: "row" },
      element("h2", {}, element("a", { href: address(one.id) }, gameName(one.game))), badge(one.status)),
    element("p", { class: "muted t-small" }, one.id),
    element("dl", {}, best,
      element("dt", {}, "Players"), element("dd", { class: "numbers" }, String(one.players)),
      element("dt", {}, scores ? "Episodes" : "Games"),
      element("dd", { class: "numbers" }, one.count.toLocaleString("en")),
      element("dt", {}, "Last played"), element("dd", {}, date(one.date))),
    unreadable(one.unreadable));
}

// ---- one of them

async function showOne(page, id, query) {
  let facts = await get(`tournaments/${encodeURIComponent(id)}`);
  const scores = facts.kind === "scores";
  const head = element("div", { class: "tournament-head" });
  const tables = element("div", { class: "t-tables" });
  document.title = `${gameName(facts.game)} – Ludus studio`;
  page.append(head, tables);
  const games = scores ? null : new Games(id, facts, query);
  const charts = [];
  const fill = () => {
    charts.splice(0).forEach((stop) => stop());
    head.replaceChildren(...headOf(facts).filter(Boolean));
    const chart = ladder(facts, charts);
    tables.replaceChildren(...(scores
      ? [panel("Returns", scoresTable(facts), scoresNote(facts)), chart]
      : [panel("Ratings", ratings(facts), ratingsNote(facts)), chart,
        panel("Who beat whom", crosstable(facts, games), crosstableNote())]).filter(Boolean));
  };
  fill();
  if (games) {
    page.append(games.panel);
    await games.load();
  }
  const stop = facts.status !== "running" ? () => {} : every(REFRESH_SECONDS, async () => {
    const before = facts.count;
    facts = await get(`tournaments/${encodeURIComponent(id)}`).catch(() => facts);
    if (facts.count === before && facts.status === "running") return;
    fill();
    await games?.renew(facts);
  });
  return () => {
    stop();
    charts.forEach((end) => end());
    document.title = "Ludus studio";
  };
}

function headOf(facts) {
  const scores = facts.kind === "scores";
  const told = [
    counted(facts.players.length, "player"),
    scores ? `${counted(facts.episodes, "episode")} each` : counted(facts.count, "game"),
    scores || facts.distinct === facts.count ? null
      : `${facts.distinct.toLocaleString("en")} of them distinct`,
    facts.protocol ? `protocol ${facts.protocol}` : null,
    `last played ${date(facts.date)}`,
  ];
  const waiting = facts.entered - facts.players.length;
  return [
    element("p", { class: "t-small" }, element("a", { href: "#/tournaments" }, "Tournaments")),
    element("div", { class: "row" }, element("h1", {}, gameName(facts.game)), badge(facts.status)),
    element("p", { class: "muted" }, told.filter(Boolean).join(" · ")),
    unreadable(facts.unreadable),
    waiting > 0 && scores ? element("p", { class: "muted" },
      `${counted(waiting, "player")} more entered and ${waiting === 1 ? "is" : "are"} still to play.`) : null,
  ];
}

function panel(title, ...content) {
  const id = `section-${title.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return element("section", { class: "panel", "aria-labelledby": id },
    element("h2", { id }, title), ...content);
}

// A wide table that scrolls by itself, also by keyboard.
function scrolled(label, table) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

function th(text, options = {}) {
  return element("th", { scope: "col", ...options }, text);
}

// ---- a value with its interval, drawn on a scale that all rows share

function scaleOf(estimates) {
  const low = Math.min(...estimates.map(([, l]) => l));
  const high = Math.max(...estimates.map(([, , h]) => h));
  const room = (high - low || 1) * 0.03;
  return (value) => `${(100 * (value - low + room)) / (high - low + 2 * room)}%`;
}

function whisker([value, low, high], x, zero) {
  const line = (from, to, top, bottom, kind) =>
    svg("line", { x1: x(from), x2: x(to), y1: top, y2: bottom, class: kind });
  return svg("svg", { class: "t-whisker", height: 20, "aria-hidden": "true" },
    zero ? line(0, 0, 0, 20, "t-zero") : null,
    line(low, high, 10, 10, "t-span"), line(low, low, 5, 15, "t-span"), line(high, high, 5, 15, "t-span"),
    svg("circle", { cx: x(value), cy: 10, r: 4.5, class: "t-dot" }));
}

function ratings({ players }) {
  const estimates = players.map(({ rating, low, high }) => [rating, low, high]);
  const x = scaleOf(estimates);
  const forfeits = players.some((player) => player.forfeits);
  return scrolled("Ratings", element("table", { class: "numbers t-ratings" },
    element("thead", {}, element("tr", {}, th("#", { class: "t-right t-number" }), th("Player", { class: "t-sticky" }),
      th("Elo", { class: "t-right" }), th("95% interval", { class: "t-wide" }), th("Games", { class: "t-right" }),
      th("Won–drawn–lost", { class: "t-right" }), th("Score", { class: "t-right" }),
      th("Above next", { class: "t-right", title: "how likely it is stronger than the next one below" }),
      th("ms/move", { class: "t-right" }), forfeits ? th("Forfeits", { class: "t-right" }) : null)),
    element("tbody", {}, players.map((player, i) => {
      const cell = (text) => element("td", { class: "t-right" }, text);
      const span = `${signed(player.low)} to ${signed(player.high)}`;
      return element("tr", {}, element("td", { class: "t-right t-number" }, String(i + 1)),
        element("th", { scope: "row", class: "t-sticky" }, name(player)),
        element("td", { class: "t-right t-strong" }, signed(player.rating)),
        element("td", { class: "t-wide", title: span }, whisker(estimates[i], x, true),
          element("span", { class: "t-hidden-text" }, span)),
        cell(player.games.toLocaleString("en")),
        cell(`${player.wins}–${player.draws}–${player.losses}`), cell(`${(100 * player.score).toFixed(1)}%`),
        cell(player.superiority === null ? "" : percent(player.superiority)),
        cell(player.milliseconds_per_move.toFixed(1)), forfeits ? cell(String(player.forfeits)) : null);
    }))));
}

function ratingsNote(facts) {
  const [low, high] = facts.first_player_advantage_ci95.map((elo) => signed(elo));
  const why = Object.entries(facts.forfeits).map(([who, n]) => `${who} (${n}×)`).join("; ");
  return element("p", { class: "muted t-small" },
    "400 Elo more are ten wins to a loss; zero is the mean of all. Above next: how likely a player is "
    + "stronger than the one below it. Moving first is worth ",
    `${signed(facts.first_player_advantage)} Elo (${low} to ${high}) and took `
    + `${percent(facts.first_player_score)} of the points; ${percent(facts.draws)} of the games were drawn.`,
    why ? ` Forfeits: ${why}.` : "");
}

// ---- who beat whom

function crosstable({ players, points, pair_games: games }, list) {
  return scrolled("Who beat whom", element("table", { class: "numbers t-crosstable" },
    element("thead", {}, element("tr", {}, th("Points of", { class: "t-sticky" }),
      players.map((player, j) => th(String(j + 1), { title: player.name })))),
    element("tbody", {}, players.map((player, i) => element("tr", {},
      element("th", { scope: "row", class: "t-sticky" },
        element("span", { class: "t-place" }, String(i + 1)), name(player)),
      players.map((other, j) => {
        if (i === j) return element("td", { class: "t-self" });
        if (!games[i][j]) return element("td", { class: "t-unmet", title: "never met" }, "·");
        const share = points[i][j] / games[i][j];
        const colour = share >= 0.5 ? "--accent" : "--warn";
        const strength = Math.round(80 * Math.abs(share - 0.5));
        return element("td", {
          style: `background: color-mix(in srgb, var(${colour}) ${strength}%, var(--surface))`,
          title: `${player.short} took ${short(points[i][j])} of ${games[i][j]} points from ${other.short}`,
          onclick: () => list.choose(i, j),
        }, String(Math.round(100 * share)));
      }))))));
}

function crosstableNote() {
  return element("p", { class: "muted t-small" },
    "Percent of the points that the row took from the column. A click on a number lists those games.");
}

// ---- strength against training

const COLOURS = ["--accent", "--warn", "--good", "--bad", "--muted"];

function ladder({ players, kind }, ends) {
  const value = kind === "scores" ? ({ mean }) => mean : ({ rating, low, high }) => [rating, low, high];
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
    element("span", { class: "t-swatch", style: `background: var(${COLOURS[i]})` }), run)));
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
      text({ x: box.left - 8, y: y(tick) + 4, "text-anchor": "end" }, digits ? plainTick(tick) : signed(tick)));
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
      dot.append(svg("title", {}, `${player.short}: ${digits ? plainTick(at[0]) : signed(at[0])}`));
      parts.push(dot);
    }
  });
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${what} of ${points.length} checkpoints against steps of training; the table has the numbers` },
  parts);
}

function plainTick(tick) {
  return short(tick).replace("-", "−");
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

// ---- returns of worlds without opponents

function scoresTable({ players }) {
  const estimates = players.map(({ mean }) => mean);
  if (!estimates.length) return element("p", { class: "muted" }, "Nobody has finished an evaluation yet.");
  const x = scaleOf(estimates);
  const digits = Math.max(...estimates.map(([value]) => Math.abs(value))) >= 10 ? 1 : 3;
  const success = players.some((player) => player.success !== null);
  const head = (text) => th(text, { class: "t-right" });
  const cell = (text) => element("td", { class: "t-right" }, text);
  const span = ([, low, high], form) => `${form(low)} to ${form(high)}`;
  const both = (estimate, form) => element("td", { class: "t-right" }, ...(estimate === null ? []
    : [form(estimate[0]), element("div", { class: "t-small muted" }, span(estimate, form))]));
  const returned = (number) => plain(number, digits);
  return scrolled("Returns", element("table", { class: "numbers t-ratings" },
    element("thead", {}, element("tr", {}, th("#", { class: "t-right t-number" }),
      th("Player", { class: "t-sticky" }), head("Mean return"), th("95% interval", { class: "t-wide" }),
      success ? head("Success") : null, head("More than next"), head("Better than next"),
      head("Steps"))),
    element("tbody", {}, players.map((player, i) => element("tr", {},
      element("td", { class: "t-right t-number" }, String(i + 1)),
      element("th", { scope: "row", class: "t-sticky" }, name(player)),
      element("td", { class: "t-right t-strong" }, returned(player.mean[0])),
      element("td", { class: "t-wide" }, whisker(player.mean, x, false),
        element("div", { class: "t-small muted" }, span(player.mean, returned))),
      success ? cell(player.success === null ? "" : percent(player.success)) : null,
      both(player.difference, (number) => signed(number, digits)), both(player.better, percent),
      cell(short(+player.lengths.toFixed(1))))))));
}

function scoresNote() {
  return element("p", { class: "muted t-small" },
    "Steps: of an episode, on average. More than next: in the same episode, on average. Better than next: how likely an episode scores more "
    + "than any one of the next player's. Intervals are over episodes of these networks; other training "
    + "seeds would give others.");
}

// ---- the games

class Games {
  constructor(id, facts, query) {
    this.id = id;
    this.players = facts.players;
    const chosen = (key) => /^\d{1,4}$/.test(query.get(key) ?? "") ? query.get(key) : "";
    this.first = Number(chosen("first"));
    this.player = element("select", { "aria-label": "Player", onchange: () => this.changed() });
    this.against = element("select", { "aria-label": "Against", onchange: () => this.changed() });
    this.result = element("select", { "aria-label": "Result", onchange: () => this.changed() });
    this.fillPlayers(chosen("player"), chosen("against"));
    this.fillResults(query.get("result") ?? "");
    this.body = element("tbody");
    this.told = element("span", { class: "muted numbers", role: "status" });
    this.back = element("button", { onclick: () => this.turn(-PAGE) }, "Previous");
    this.next = element("button", { onclick: () => this.turn(PAGE) }, "Next");
    this.panel = panel("Games",
      element("div", { class: "row t-filters" }, element("label", {}, "Player", this.player),
        element("label", {}, "Against", this.against), element("label", {}, "Result", this.result)),
      scrolled("Games", element("table", { class: "numbers t-games" }, element("thead", {}, element("tr", {},
        th("Game"), th("Moves first"), th("Moves second"), th("Result"), th("Moves", { class: "t-right" }),
        th("Opening", { class: "t-right" }))), this.body)),
      element("div", { class: "row t-pager" }, this.back, this.next, this.told));
  }

  fillPlayers(player, against) {
    const options = () => [element("option", { value: "" }, "anybody"), ...this.players.map((one, i) =>
      element("option", { value: i, title: one.name }, one.short))];
    this.player.replaceChildren(...options());
    this.against.replaceChildren(...options());
    this.player.value = player in this.players ? player : "";
    this.against.value = against in this.players ? against : "";
  }

  fillResults(result) {
    const [won, lost] = this.player.value === "" ? ["First won", "Second won"] : ["Won", "Lost"];
    const names = { "": "any", won, drawn: "Drawn", lost, forfeit: "Forfeited" };
    this.result.replaceChildren(...Object.entries(names).map(([value, text]) =>
      element("option", { value }, text)));
    this.result.value = result in names ? result : "";
  }

  changed() {
    this.first = 0;
    this.fillResults(this.result.value);
    return this.load();
  }

  async choose(player, against) {
    this.player.value = player;
    this.against.value = against;
    this.result.value = "";
    await this.changed();
    this.panel.scrollIntoView({ block: "start" });
  }

  turn(by) {
    this.first = Math.max(0, this.first + by);
    return this.load();
  }

  async renew({ players }) {
    const named = (select) => this.players[select.value]?.name;
    const [player, against] = [named(this.player), named(this.against)];
    this.players = players;
    const place = (wanted) => {
      const at = players.findIndex(({ name: one }) => one === wanted);
      return at < 0 ? "" : String(at);
    };
    this.fillPlayers(place(player), place(against));
    await this.load();
  }

  async load() {
    const query = new URLSearchParams();
    for (const key of ["player", "against", "result"]) if (this[key].value) query.set(key, this[key].value);
    if (this.first) query.set("first", this.first);
    const text = String(query);
    history.replaceState(null, "", address(this.id) + (text ? `?${text}` : ""));
    const asked = this.asked = {};
    try {
      const answer = await get(`tournaments/${encodeURIComponent(this.id)}/games?${text}`);
      if (asked === this.asked) this.fill(answer);
    } catch (error) {
      this.told.replaceChildren(error.message);
    }
  }

  fill({ total, first, games }) {
    this.body.replaceChildren(...games.map((game) => this.row(game)));
    this.back.disabled = first === 0;
    this.next.disabled = first + games.length >= total;
    const last = first + games.length;
    this.told.replaceChildren(games.length
      ? `${(first + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${counted(total, "game")}`
      : "No such games.");
  }

  row({ n, players, score, plies, opening, forfeit }) {
    const who = (seat, won) => element("td", { class: won ? "t-winner" : "" }, name(this.players[players[seat]]));
    const result = score === 1 ? "1–0" : score === 0 ? "0–1" : "½–½";
    return element("tr", {},
      element("td", {}, element("a", { href: `#/game/tournaments/${encodeURIComponent(this.id)}/${n}` },
        `Game ${n + 1}`)),
      who(0, score === 1), who(1, score === 0),
      element("td", { title: forfeit || null }, result, forfeit ? element("span", { class: "muted" }, " forfeit") : null),
      element("td", { class: "t-right" }, String(plies)),
      element("td", { class: "t-right" }, String(opening + 1)));
  }
}
