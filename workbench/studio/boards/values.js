// The expected result of a game: as a bar, and as a curve over the whole game.
import { element, svg } from "../page/dom.js";
import { percent, signed } from "../page/words.js";

const WIDTH = 600; // of the curve, in units of the drawing
const HEIGHT = 100;

// The chances of both players as a bar and in words.
//
// `chances`: player 0's win, draw and loss; where `draw` is null, win and loss are the shares of
// the points that both can expect. `names` of player 0 and player 1.
export function chancesBar(family, { win, draw, loss }, names) {
  const between = draw === null ? "expected points" : `draw ${percent(draw)}`;
  const told = [`${names[0]} ${percent(win)}`, between, `${names[1]} ${percent(loss)}`];
  const part = (kind, share) =>
    element("span", { class: kind, style: `flex-grow: ${Math.max(0, share).toFixed(4)}` });
  return element(
    "div",
    { class: "chances", "data-family": family },
    element(
      "div",
      { class: "chances-bar", role: "img", "aria-label": `Chances: ${told.join(", ")}` },
      part("side-0", win),
      part("draw", draw ?? 0),
      part("side-1", loss),
    ),
    element(
      "div",
      { class: "chances-words", "aria-hidden": "true" },
      element("span", {}, sideDot(0), told[0]),
      element("span", {}, told[1]),
      element("span", {}, sideDot(1), told[2]),
    ),
  );
}

// The colour of a player's pieces, beside its name.
export function sideDot(player) {
  return element("span", { class: `dot side-${player}`, "aria-hidden": "true" });
}

export function resultChances(result) {
  return { win: Number(result > 0), draw: Number(result === 0), loss: Number(result < 0) };
}

// Player 0's value after every move, of which some are not known; `slips`: plies to mark, `now`:
// the ply that is shown, `go(ply)`: what a click does.
export function valueGraph({ values, slips, now, go }) {
  const plies = values.length - 1;
  const x = (ply) => (WIDTH * ply) / Math.max(1, plies);
  const y = (value) => HEIGHT * (0.5 - 0.46 * value);
  const known = values.map((value, ply) => ({ value, ply })).filter((p) => p.value !== null);
  const shape = (cut) => {
    if (known.length < 2) return "";
    const edge = withCrossings(known).map(({ value, ply }) => `${x(ply)},${y(cut(value, 0))}`);
    return [`${x(known[0].ply)},${y(0)}`, ...edge, `${x(known.at(-1).ply)},${y(0)}`].join(" ");
  };
  const line = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });
  const told = values[now] === null ? "is not known" : signed(values[now], 2);
  const onclick = ({ currentTarget, clientX }) => {
    const box = currentTarget.getBoundingClientRect();
    go(Math.round((plies * (clientX - box.left)) / box.width));
  };
  return svg(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `Value after every move; now ${told}`,
      onclick,
    },
    svg("rect", { class: "frame", width: WIDTH, height: HEIGHT }),
    svg("polygon", { class: "area-0", points: shape(Math.max) }),
    svg("polygon", { class: "area-1", points: shape(Math.min) }),
    line("zero", 0, y(0), WIDTH, y(0)),
    svg("polyline", {
      class: "curve",
      points: known.map(({ value, ply }) => `${x(ply)},${y(value)}`).join(" "),
    }),
    slips.map((ply) => {
      const at = [x(ply + 1), y(values[ply + 1])];
      return line("slip", ...at, ...at);
    }),
    line("now", x(now), 0, x(now), HEIGHT),
  );
}

// The points of a curve, and where it crosses zero between them.
function withCrossings(known) {
  return known.flatMap((point, i) => {
    const next = known[i + 1];
    if (!next || point.value * next.value >= 0) return [point];
    const share = point.value / (point.value - next.value);
    return [point, { value: 0, ply: point.ply + share * (next.ply - point.ply) }];
  });
}
