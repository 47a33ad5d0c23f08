// Draws boards and pieces as SVG.
import { svg } from "../page/dom.js";
import { coordinates, factsOf, starsOf } from "./games.js";

export const UNIT = 40; // a cell's side, in units of the drawing
const ARROWS = 6;

const CHESSMEN = { k: "♚", q: "♛", r: "♜", b: "♝", n: "♞", p: "♟" };

// Where cells are in the drawing.
export class Geometry {
  constructor(family, height, width, flip) {
    this.hexagonal = factsOf(family).cells === "hexagons";
    this.height = height;
    this.width = width;
    this.flip = flip && factsOf(family).below !== null;
    const across = this.hexagonal ? width + (height - 1) / 2 : width;
    const down = this.hexagonal ? (3 * height + 1) / Math.sqrt(12) : height;
    this.across = across * UNIT;
    this.down = down * UNIT;
    this.font = this.across / 34; // of the names of rows and columns, on any board as large
    this.margin = 2 * this.font;
  }

  middle([row, column]) {
    if (this.hexagonal) {
      return [UNIT * (column + 0.5 + row / 2), (UNIT * (3 * row + 2)) / Math.sqrt(12)];
    }
    const [r, c] = this.flip ? [this.height - 1 - row, this.width - 1 - column] : [row, column];
    return [UNIT * (c + 0.5), UNIT * (r + 0.5)];
  }

  corners(square, share = 1) {
    const [x, y] = this.middle(square);
    const [count, reach, turn] = this.hexagonal
      ? [6, UNIT / Math.sqrt(3), -Math.PI / 2]
      : [4, UNIT / Math.SQRT2, -Math.PI / 4];
    return Array.from({ length: count }, (_, i) => {
      const angle = turn + (2 * Math.PI * i) / count;
      return [x + share * reach * Math.cos(angle), y + share * reach * Math.sin(angle)];
    });
  }
}

const points = (list) => list.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
export const polygon = (list, attributes) => svg("polygon", { points: points(list), ...attributes });
export const circle = ([cx, cy], r, attributes) => svg("circle", { cx, cy, r, ...attributes });

function words(text, [x, y], size, attributes) {
  const style = size && `font-size: ${size}px`;
  const middle = { "text-anchor": "middle", "dominant-baseline": "central" };
  return svg("text", { x, y, style, ...middle, ...attributes }, text);
}

export function ground(family, g, cells) {
  const { cells: kind, ground: colour } = factsOf(family);
  const drawn = [];
  const each = (f) => cells.forEach((row, r) => row.forEach((_, c) => drawn.push(f([r, c]))));
  const sheet = (out = 0) =>
    svg("rect", {
      x: -out,
      y: -out,
      width: g.across + 2 * out,
      height: g.down + 2 * out,
      rx: out ? 6 : 2,
      class: `ground ${colour}`,
      style: colour === "plain" ? null : `fill: var(--board-${colour})`,
    });
  if (kind === "holes") {
    drawn.push(sheet(4));
    each((square) => circle(g.middle(square), 0.41 * UNIT, { class: "hole" }));
  } else if (kind === "points") {
    drawn.push(sheet());
    const [last, end] = [g.height - 1, g.width - 1];
    const line = (from, to) => {
      const [[x1, y1], [x2, y2]] = [g.middle(from), g.middle(to)];
      drawn.push(svg("line", { x1, y1, x2, y2, class: "ruled" }));
    };
    for (let row = 0; row <= last; row++) line([row, 0], [row, end]);
    for (let column = 0; column <= end; column++) line([0, column], [last, column]);
    const stars = starsOf(family, g.height);
    for (const row of stars) {
      for (const column of stars) {
        drawn.push(circle(g.middle([row, column]), 0.09 * UNIT, { class: "star" }));
      }
    }
  } else if (kind === "hexagons") {
    each((square) => polygon(g.corners(square), { class: "paper" }));
    drawn.push(...goals(g));
  } else if (colour !== null) {
    drawn.push(sheet());
    each((square) => polygon(g.corners(square), { class: `cell-line ${colour}` }));
  } else {
    each((square) =>
      polygon(g.corners(square), { class: (square[0] + square[1]) % 2 ? "dark" : "light" }),
    );
  }
  return drawn;
}

// Which edges of a hex board each side joins: player 0 top and bottom, player 1 left and right.
function goals(g) {
  const drawn = [];
  const edge = (player, list) =>
    drawn.push(svg("polyline", { points: points(list), class: `goal side-${player}` }));
  for (let row = 0; row < g.height; row++) {
    const left = g.corners([row, 0]);
    const right = g.corners([row, g.width - 1]);
    edge(1, [left[5], left[4], ...(row < g.height - 1 ? [left[3]] : [])]);
    edge(1, [...(row > 0 ? [right[0]] : []), right[1], right[2]]);
  }
  for (let column = 0; column < g.width; column++) {
    const top = g.corners([0, column]);
    const bottom = g.corners([g.height - 1, column]);
    edge(0, [top[5], top[0], top[1]]);
    edge(0, [bottom[4], bottom[3], bottom[2]]);
  }
  return drawn;
}

export function labels(family, g) {
  const { columns, rows } = coordinates(family, g.height, g.width);
  const drawn = [];
  for (let column = 0; column < g.width; column++) {
    const row = g.hexagonal ? 0 : g.flip ? 0 : g.height - 1;
    const [x] = g.middle([row, column]);
    const y = g.hexagonal ? -g.margin / 2 : g.down + g.margin / 2 + g.font / 4;
    drawn.push(words(columns[column] ?? "", [x, y], null, { class: "coordinate" }));
  }
  for (let row = 0; row < g.height && rows.length; row++) {
    const [x, y] = g.middle([row, g.flip ? g.width - 1 : 0]);
    const where = [x - UNIT / 2 - g.margin / 2, y];
    drawn.push(words(rows[row] ?? "", where, null, { class: "coordinate" }));
  }
  return drawn;
}

export function piece(family, g, square, content) {
  const at = g.middle(square);
  const facts = factsOf(family);
  if (content === "x" || content === "o") {
    const player = content === "x" ? 0 : 1;
    if (facts.pieces === "marks") return cross(at, player);
    const stone = circle(at, 0.41 * UNIT, { class: `stone side-${player}` });
    const rim = circle(at, 0.3 * UNIT, { class: "rim" });
    return facts.cells === "holes" ? svg("g", {}, stone, rim) : stone;
  }
  const letter = content.replace("+", "");
  const upper = letter === letter.toUpperCase();
  if (facts.pieces === "chessmen") {
    // The selector after it asks for the figure, not for an emoji.
    const figure = `${CHESSMEN[letter.toLowerCase()]}\ufe0e`;
    const side = upper ? "white" : "black";
    return words(figure, [at[0], at[1] + 1], 34, { class: `chessman ${side}` });
  }
  const up = upper !== g.flip ? 1 : -1; // the tip of a piece of shogi points away from its owner
  const reach = 0.44 * UNIT * up;
  const tile = [
    [0, -1],
    [0.7, -0.65],
    [0.85, 1],
    [-0.85, 1],
    [-0.7, -0.65],
  ].map(([x, y]) => [at[0] + reach * x, at[1] + reach * y]);
  const side = upper ? "black" : "white";
  return svg(
    "g",
    { class: `tile ${side}${content.startsWith("+") ? " promoted" : ""}` },
    polygon(tile, {}),
    words(content.toUpperCase(), [at[0], at[1] + 0.12 * reach], content.length > 1 ? 15 : 18, {}),
  );
}

function cross([x, y], player) {
  const r = 0.28 * UNIT;
  if (player === 1) return circle([x, y], r, { class: "mark side-1" });
  const d = `M${x - r} ${y - r}L${x + r} ${y + r}M${x - r} ${y + r}L${x + r} ${y - r}`;
  return svg("path", { d, class: "mark side-0" });
}

export function arrow(from, to, half, attributes) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  const [ux, uy] = [dx / length, dy / length];
  const neck = length - 4 * half;
  const outline = [
    [0, half],
    [neck, half],
    [neck, 2.6 * half],
    [length, 0],
    [neck, -2.6 * half],
    [neck, -half],
    [0, -half],
  ].map(([far, side]) => [from[0] + far * ux - side * uy, from[1] + far * uy + side * ux]);
  return polygon(outline, attributes);
}

// Where the search went: fuller and with its share, the more often a move was tried.
export function heatMap(family, g, moves) {
  const total = moves.reduce((sum, move) => sum + move.visits, 0);
  const [under, over] = [[], []]; // the pieces
  const placed = new Map();
  for (const { squares, visits } of moves) {
    if (squares.length !== 1) continue;
    const key = squares[0].join();
    placed.set(key, { square: squares[0], visits: (placed.get(key)?.visits ?? 0) + visits });
  }
  for (const { square, visits } of placed.values()) {
    const share = visits / total;
    if (share < 0.005) continue;
    const attributes = { class: "heat", opacity: (0.3 + 0.65 * Math.sqrt(share)).toFixed(2) };
    const round = ["points", "holes"].includes(factsOf(family).cells);
    under.push(
      round
        ? circle(g.middle(square), 0.4 * UNIT, attributes)
        : polygon(g.corners(square, 0.96), attributes),
    );
    if (share >= 0.01) {
      under.push(words(`${Math.round(100 * share)}`, g.middle(square), 14, { class: "heat-text" }));
    }
  }
  const moved = moves
    .filter((move) => move.squares.length === 2 && move.visits)
    .sort((a, b) => b.visits - a.visits)
    .slice(0, ARROWS);
  for (const { squares, visits } of moved.reverse()) {
    const share = visits / total;
    const half = UNIT * (0.04 + 0.08 * share);
    const opacity = (0.25 + 0.65 * Math.sqrt(share)).toFixed(2);
    over.push(arrow(g.middle(squares[0]), g.middle(squares[1]), half, { class: "heat", opacity }));
  }
  return { under, over };
}

// The stones of a row of this `length` that has won, or none.
export function winningRow(length, cells, last) {
  if (!length || last.length !== 1) return [];
  const [[row, column]] = last;
  const mine = (r, c) => cells[r]?.[c] === cells[row][column];
  for (const [dr, dc] of [
    [0, 1],
    [1, 0],
    [1, 1],
    [1, -1],
  ]) {
    const found = [[row, column]];
    for (const sign of [1, -1]) {
      let [r, c] = [row + sign * dr, column + sign * dc];
      while (mine(r, c)) {
        found.push([r, c]);
        [r, c] = [r + sign * dr, c + sign * dc];
      }
    }
    if (found.length >= length) return found;
  }
  return [];
}
