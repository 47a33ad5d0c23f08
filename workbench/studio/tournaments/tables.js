// The tables of a tournament: ratings, or returns where there are no opponents.
import { element, scrolled, svg, th } from "../page/dom.js";
import { playerName } from "./names.js";
import { fixed, percent, short, signed, whole } from "../page/words.js";

// ---- a value with its interval, drawn on a scale that all rows share

function scaleOf(estimates) {
  const low = Math.min(...estimates.map(([value, l]) => l ?? value));
  const high = Math.max(...estimates.map(([value, , h]) => h ?? value));
  const room = (high - low || 1) * 0.03;
  return (value) => `${(100 * (value - low + room)) / (high - low + 2 * room)}%`;
}

function whisker([value, low, high], x, zero) {
  const line = (from, to, top, bottom, kind) =>
    svg("line", { x1: x(from), x2: x(to), y1: top, y2: bottom, class: kind });
  return svg("svg", { class: "t-whisker", height: 20, "aria-hidden": "true" },
    zero ? line(0, 0, 0, 20, "t-zero") : null,
    ...(low === null ? [] : [line(low, high, 10, 10, "t-span"), line(low, low, 5, 15, "t-span"),
      line(high, high, 5, 15, "t-span")]),
    svg("circle", { cx: x(value), cy: 10, r: 4.5, class: "t-dot" }));
}

export function ratings({ players }) {
  const estimates = players.map(({ rating, low, high }) => [rating, low, high]);
  const x = scaleOf(estimates);
  const forfeits = players.some((player) => player.forfeits);
  return scrolled("Ratings", element("table", { class: "numbers t-ratings" },
    element("thead", {}, element("tr", {}, th("#", { class: "t-right t-number" }), th("Player", { class: "t-sticky" }),
      element("th", { scope: "col", class: "t-right" }, "Elo",
        element("div", { class: "t-narrow t-small" }, "95% interval")), th("95% interval", { class: "t-wide t-picture" }), th("Games", { class: "t-right" }),
      th("Won–drawn–lost", { class: "t-right" }), th("Score", { class: "t-right" }),
      th("Above next", { class: "t-right", title: "how likely it is stronger than the next one below" }),
      th("ms/move", { class: "t-right" }), forfeits ? th("Forfeits", { class: "t-right" }) : null)),
    element("tbody", {}, players.map((player, i) => {
      const cell = (text) => element("td", { class: "t-right" }, text);
      const span = `${signed(player.low)} to ${signed(player.high)}`;
      return element("tr", {}, element("td", { class: "t-right t-number" }, String(i + 1)),
        element("th", { scope: "row", class: "t-sticky" }, playerName(player)),
        element("td", { class: "t-right" }, element("span", { class: "t-strong" }, signed(player.rating)),
          element("div", { class: "t-narrow t-small muted" }, span)),
        element("td", { class: "t-wide t-picture", title: span }, whisker(estimates[i], x, true),
          element("span", { class: "hidden-text" }, span)),
        cell(whole(player.games)),
        cell(`${player.wins}–${player.draws}–${player.losses}`), cell(percent(player.score, 1)),
        cell(player.superiority === null ? "" : percent(player.superiority)),
        cell(fixed(player.milliseconds_per_move, 1)), forfeits ? cell(String(player.forfeits)) : null);
    }))));
}

export function ratingsNote(facts) {
  const [low, high] = facts.first_player_advantage_ci95.map((elo) => signed(elo));
  const why = Object.entries(facts.forfeits).map(([who, n]) => `${who} (${n}×)`).join("; ");
  const ended = Object.entries(facts.endings).map(([reason, n]) => `${reason} ${whole(n)}`).join(", ");
  return element("p", { class: "muted t-small" },
    "400 Elo more are ten wins to a loss; zero is the mean of all. Above next: how likely a player is "
    + "stronger than the one below it. Moving first is worth ",
    `${signed(facts.first_player_advantage)} Elo (${low} to ${high}) and took `
    + `${percent(facts.first_player_score)} of the points; ${percent(facts.draws)} of the games were drawn.`,
    ended ? ` Games ended by: ${ended}.` : "",
    why ? ` Forfeits: ${why}.` : "");
}

// ---- returns of worlds without opponents

export function scoresTable({ players }) {
  const estimates = players.map(({ mean }) => mean);
  if (!estimates.length) return element("p", { class: "muted" }, "Nobody has finished an evaluation yet.");
  const x = scaleOf(estimates);
  const digits = Math.max(...estimates.map(([value]) => Math.abs(value))) >= 10 ? 1 : 3;
  const success = players.some((player) => player.success !== null);
  const head = (text) => th(text, { class: "t-right" });
  const cell = (text) => element("td", { class: "t-right" }, text);
  // Of one episode, or of episodes that came out alike, there is no interval.
  const span = ([, low, high], form) => (low === null ? "no interval" : `${form(low)} to ${form(high)}`);
  const both = (estimate, form) => element("td", { class: "t-right" }, ...(estimate === null ? []
    : [form(estimate[0]), element("div", { class: "t-small muted" }, span(estimate, form))]));
  const returned = (number) => fixed(number, digits);
  return scrolled("Returns", element("table", { class: "numbers t-ratings" },
    element("thead", {}, element("tr", {}, th("#", { class: "t-right t-number" }),
      th("Player", { class: "t-sticky" }),
      element("th", { scope: "col", class: "t-right" }, "Mean return",
        element("div", { class: "t-narrow t-small" }, "95% interval")),
      th("95% interval", { class: "t-wide t-picture" }),
      success ? head("Success") : null, head("More than next"), head("Better than next"),
      head("Steps"))),
    element("tbody", {}, players.map((player, i) => element("tr", {},
      element("td", { class: "t-right t-number" }, String(i + 1)),
      element("th", { scope: "row", class: "t-sticky" }, playerName(player)),
      element("td", { class: "t-right" }, element("span", { class: "t-strong" }, returned(player.mean[0])),
        element("div", { class: "t-narrow t-small muted" }, span(player.mean, returned))),
      element("td", { class: "t-wide t-picture" }, whisker(player.mean, x, false),
        element("div", { class: "t-small muted" }, span(player.mean, returned))),
      success ? both(player.success, percent) : null,
      both(player.difference, (number) => signed(number, digits)), both(player.better, percent),
      cell(short(+player.lengths.toFixed(1))))))));
}

export function scoresNote() {
  return element("p", { class: "muted t-small" },
    "Steps: of an episode, on average. More than next: in the same episode, on average. Better than next: how likely an episode scores more "
    + "than any one of the next player's. Intervals are over episodes of these networks; other training "
    + "seeds would give others.");
}
