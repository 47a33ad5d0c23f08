// The games that can be replayed: those a run has recorded, and those of tournaments.
import { address, path } from "./address.js";
import { get } from "./dom.js";
import { counted, gameName, recording, runName, whole } from "./words.js";

const LOADERS = { runs: recordedGame, tournaments: tournamentGame };

export function gameOf([kind, ...parts]) {
  if (!Object.hasOwn(LOADERS, kind) || parts.length !== 2) throw new Error("there is no such game");
  return LOADERS[kind](parts);
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
