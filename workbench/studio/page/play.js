// Choosing an opponent, and then playing.
import { address, path } from "./address.js";
import { Board, positionsOf } from "../boards/board.js";
import { element, get, heading } from "./dom.js";
import { gameName } from "./words.js";

const NOT_TO_PLAY = "probe"; // shades of gray, for tests of learners
// The best known first.
const ORDER = ["connect_four", "tic_tac_toe", "othello", "chess", "go", "gomoku", "hex", "pong"];
// Legal beginnings, so that the pictures show more than an empty board.
const BEGINNINGS = {
  connect_four: [3, 3, 2, 4, 4, 2, 3, 1],
  othello: [37, 43, 34, 29],
  tic_tac_toe: [4, 0, 2],
};

export async function show(page, parts, query) {
  return parts[0] ? showGame(page, parts[0], query) : showAll(page);
}

async function showGame(page, id, query) {
  const run = await get(path("runs", id));
  if (run.problem) throw new Error(run.problem);
  if (!run.checkpoints.length) throw new Error("this run has no checkpoint to play with yet");
  const module = run.world === "board" ? import("../boards/play.js") : import("../arcade/arcade.js");
  return (await module).show(page, run, query);
}

async function showAll(page) {
  const [{ runs }, able] = await Promise.all([get("runs/"), get("boards/playable")]);
  const withCheckpoint = new Set(able.runs);
  const playable = runs.filter(
    (run) => run.world && run.world !== NOT_TO_PLAY && withCheckpoint.has(run.id),
  );
  playable.sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id));
  const boards = playable.filter((run) => run.world === "board");
  const others = playable.filter((run) => run.world !== "board");
  page.append(
    heading("Play"),
    ...section("Board games against a trained agent", boards),
    ...section("Games by keyboard, beside the agent's own try", others),
  );
  if (!playable.length) {
    page.append(
      element(
        "div",
        { class: "panel empty" },
        element("p", {}, "No run can be played with yet: it takes one that has saved a checkpoint."),
      ),
    );
  }
  boards.forEach((run) => picture(run, page));
}

function rank(run) {
  const known = ORDER.indexOf(run.game.split("(")[0]);
  const zoo = run.id.startsWith("zoo:") ? 0 : 1;
  return zoo * 100 + (run.world === "board" ? 0 : 50) + (known < 0 ? ORDER.length : known);
}

function section(title, runs) {
  if (!runs.length) return [];
  const card = (run) =>
    element(
      "li",
      {},
      element(
        "a",
        { href: address("play", run.id) },
        element(
          "span",
          { class: "picture", "data-run": run.id, "aria-hidden": "true" },
          run.world === "board" ? null : poster(run),
        ),
        element(
          "span",
          {},
          element("strong", {}, gameName(run.game)),
          element("span", { class: "muted" }, run.name),
        ),
      ),
    );
  return [
    element(
      "section",
      {},
      element("h2", {}, title),
      element("ul", { class: "play-cards" }, runs.map(card)),
    ),
  ];
}

function poster(run) {
  const src = `api/${path("runs", run.id, "poster")}`;
  return element("img", { src, alt: "", loading: "lazy" });
}

async function picture(run, page) {
  const family = run.game.split("(")[0];
  try {
    const told = await get(positionsOf(run.game, null, BEGINNINGS[family] ?? []));
    const board = new Board({ label: gameName(run.game) });
    const position = told.positions.at(-1);
    board.draw({ family: told.family, inARow: told.in_a_row, position, legal: [] });
    const place = page.querySelector(`[data-run="${CSS.escape(run.id)}"]`);
    if (told.positions[0].cells) place?.replaceChildren(board.element);
  } catch {
    // a card without a picture still leads to the game
  }
}
