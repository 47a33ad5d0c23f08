// The games to replay: those recorded by runs, those of tournaments, and the one just played,
// which the address holds.
import { address, path, withQuery } from "../page/address.js";
import { element, get } from "../page/dom.js";
import { positionsOf } from "./board.js";
import { downloadLink } from "../runs/run.js";
import { counted, gameName, recording, runName, whole } from "../page/words.js";

const LOADERS = { runs: [recordedGame, 2], tournaments: [tournamentGame, 2], played: [playedGame, 1] };

export function gameOf([kind, ...parts], query) {
  const [load, count] = Object.hasOwn(LOADERS, kind) ? LOADERS[kind] : [null, 0];
  if (!load || parts.length !== count) throw new Error("there is no such game");
  return load(parts, query);
}

// The query: `moves`, and `me`, which player the person was. All values are to be thought about.
async function playedGame([id], query) {
  const run = await get(path("runs", id));
  const text = query.get("moves") ?? "";
  const me = query.get("me") === "1" ? 1 : 0;
  if (!/^\d+(,\d+)*$/.test(text)) throw new Error("there is no such game");
  const moves = text.split(",").map(Number);
  // As where it was played: training may cut its games short, this one went on to its end.
  const told = await get(positionsOf(run.game, null, moves, moves.length));
  const side = me === told.first_to_move ? "first" : "second";
  return {
    game: run.game,
    max_plies: null,
    moves,
    kept: { moves: text, me },
    heading: `${gameName(run.game)}: your game against ${run.name}`,
    back: { href: withQuery(address("play", id), { side, moves: text }), words: "back to the game" },
    players: [0, 1].map((player) => (player === me ? "You" : run.name)),
    result: told.positions.at(-1).result,
    values: null,
    visits: null,
    judges: [id],
    reviewed: true,
    step: "",
    commands: run.commands.filter(({ what }) => what === "Play"),
    note: "The agent looks at every move again; marked is where the value fell clearly.",
  };
}

async function recordedGame([run, video]) {
  const recorded = await get(path("boards", "recorded", run, video));
  const { step, steps } = recording(video);
  return {
    ...recorded,
    heading: `${gameName(recorded.game)}: ${runName(run)} against itself`,
    back: { href: address("run", run), words: runName(run) },
    players: null,
    judges: [run],
    step,
    download: element("p", {}, downloadLink({ id: run }, video, "Download video")),
    note: `after ${steps} moves of practice; the values are those of its own search`,
  };
}

async function tournamentGame([tournament, number]) {
  const [played, { runs }] = await Promise.all([
    get(path("tournaments", tournament, "games", number)),
    get("runs/"),
  ]);
  const players = played.short ?? played.players;
  const opening = played.opening_plies
    ? `${counted(played.opening_plies, "opening move was", "opening moves were")} given`
    : "";
  return {
    ...played,
    players,
    heading: `${gameName(played.game)}: ${players.join(" – ")}`,
    back: { href: address("tournaments", tournament), words: `${gameName(played.game)} tournament` },
    result: 2 * played.score - 1,
    values: null,
    visits: null,
    commands: (await get(path("tournaments", tournament))).commands,
    judges: runs.filter((run) => run.game === played.game).map((run) => run.id),
    step: "",
    note: [
      `game ${whole(played.number + 1)} of ${whole(played.count)}`,
      opening,
      played.forfeit ? `forfeited: ${played.forfeit}` : played.reason && `ended by ${played.reason}`,
    ]
      .filter(Boolean)
      .join("; "),
  };
}
