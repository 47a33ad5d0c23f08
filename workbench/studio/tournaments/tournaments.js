// The list of tournaments, and one with its ratings, crosstable, ladder of checkpoints and games.
import { address, path } from "../page/address.js";
import { commandsPanel } from "../page/commands.js";
import { element, every, get, heading, panel } from "../page/dom.js";
import { Crosstable, crosstableNote } from "./crosstable.js";
import { Games } from "./games.js";
import { ladder } from "./ladder.js";
import { ratings, ratingsNote, scoresNote, scoresTable } from "./tables.js";
import { counted, gameName, idWords, short, signed, when, whole } from "../page/words.js";

const COMMAND = "ludus tournament runs/zoo/connect-four@all random --games 10 --simulations 16";
const REFRESH_SECONDS = 5;
const STATUS = { running: "playing now", interrupted: "not finished" };

export async function show(page, parts, query) {
  if (parts[0]) return showOne(page, parts[0], query);
  return showAll(page);
}

function badge(status) {
  return STATUS[status] ? element("span", { class: `badge ${status}` }, STATUS[status]) : null;
}

// ---- the list

async function showAll(page) {
  const list = element("div", { class: "tournaments" });
  page.append(heading("Tournaments"), list);
  const fill = async () => {
    const { tournaments } = await get("tournaments/");
    if (!tournaments.length) list.replaceChildren(nothing());
    else list.replaceChildren(element("ul", { class: "t-cards" }, tournaments.map(card)));
    return tournaments.some(({ status }) => status === "running");
  };
  return (await fill()) ? every(REFRESH_SECONDS, () => fill().catch(() => {})) : null;
}

function nothing() {
  return element("div", { class: "panel empty" },
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
      element("h2", {}, element("a", { href: address("tournaments", one.id) }, gameName(one.game))), badge(one.status)),
    element("p", { class: "muted t-small" }, idWords(one.id)),
    element("dl", {}, best,
      element("dt", {}, "Players"), element("dd", { class: "numbers" }, String(one.players)),
      element("dt", {}, scores ? "Episodes" : "Games"),
      element("dd", { class: "numbers" }, whole(one.count)),
      element("dt", {}, "Last played"), element("dd", {}, when(one.date))),
    unreadable(one.unreadable));
}

// ---- one of them

async function showOne(page, id, query) {
  let facts = await get(path("tournaments", id));
  const scores = facts.kind === "scores";
  const head = element("div", { class: "tournament-head" });
  const tables = element("div", { class: "t-tables" });
  page.append(head, tables);
  const games = scores ? null : new Games(page, id, facts, query);
  const crosstable = scores ? null : new Crosstable(games);
  const charts = [];
  const fill = () => {
    charts.splice(0).forEach((stop) => stop());
    head.replaceChildren(...headOf(facts).filter(Boolean));
    const chart = ladder(facts, charts);
    tables.replaceChildren(...(scores
      ? [panel("Returns", scoresTable(facts), scoresNote(facts)), chart]
      : [panel("Ratings", ratings(facts), ratingsNote(facts)), chart]).filter(Boolean));
    crosstable?.fill(facts);
  };
  fill();
  if (games) {
    const meetings = panel("Who beat whom", crosstable.node, crosstableNote());
    page.append(element("div", { class: "t-tables" }, meetings), games.panel);
    games.load();
  }
  page.append(commandsPanel(facts.commands) ?? "");
  const stop = facts.status !== "running" ? () => {} : every(REFRESH_SECONDS, async () => {
    const before = facts.count;
    facts = await get(path("tournaments", id)).catch(() => facts);
    if (facts.count === before && facts.status === "running") return;
    fill();
    await games?.renew(facts);
  });
  return () => {
    stop();
    charts.forEach((end) => end());
  };
}

function headOf(facts) {
  const scores = facts.kind === "scores";
  const told = [
    counted(facts.players.length, "player"),
    scores ? `${counted(facts.episodes, "episode")} each` : counted(facts.count, "game"),
    scores || facts.distinct === facts.count ? null
      : `${whole(facts.distinct)} of them distinct`,
    facts.protocol ? `protocol ${facts.protocol}` : null,
    `last played ${when(facts.date)}`,
  ];
  const waiting = facts.entered - facts.players.length;
  return [
    heading(`${gameName(facts.game)} tournament`, {
      back: { href: "#/tournaments", words: "Tournaments" },
      about: told.filter(Boolean).join(" · "),
      beside: [badge(facts.status)],
    }),
    unreadable(facts.unreadable),
    waiting > 0 && scores ? element("p", { class: "muted" },
      `${counted(waiting, "player")} more entered and ${waiting === 1 ? "is" : "are"} still to play.`) : null,
  ];
}
