// Any board, drawn as SVG from what stands in its cells, and played on by mouse, touch or keys.
import { element, svg } from "./dom.js";

const UNIT = 40; // a cell's side, in units of the drawing
const ARROWS = 6;

const BLACK_AND_WHITE = ["Black", "White"];
const SIDES = {
  tic_tac_toe: ["X", "O"],
  mnk: ["X", "O"],
  connect_four: ["Red", "Yellow"],
  hex: ["Red", "Blue"],
  clobber: ["White", "Black"],
};
const KNOWN = ["chess", "shogi", "othello", "go", "gomoku", "breakthrough", "lines_of_action"];
const CROSSES = ["tic_tac_toe", "mnk"];
const ON_POINTS = ["go", "gomoku"];
const TURNABLE = ["chess", "shogi", "breakthrough"];
const STARS = { 9: [2, 4, 6], 13: [3, 6, 9], 19: [3, 9, 15] };
const IN_A_ROW = { tic_tac_toe: 3, connect_four: 4, gomoku: 5 };
const CHESSMEN = { k: "♚", q: "♛", r: "♜", b: "♝", n: "♞", p: "♟" };
const NAMES = {
  chess: { k: "king", q: "queen", r: "rook", b: "bishop", n: "knight", p: "pawn" },
  shogi: {
    k: "king",
    r: "rook",
    b: "bishop",
    g: "gold",
    s: "silver",
    n: "knight",
    l: "lance",
    p: "pawn",
  },
};
// How player 0 and player 1 are called.
export function sidesOf(family) {
  if (family in SIDES) return SIDES[family];
  return KNOWN.includes(family) ? BLACK_AND_WHITE : ["Player 1", "Player 2"];
}

// A move as the board's own coordinates say it; OpenSpiel counts columns from 0.
export function moveName(family, move, height = 0) {
  if (family === "connect_four") return `column ${move.action + 1}`;
  if (family === "go") return move.name.split(" ").pop().toLowerCase();
  if (family === "chess" || family === "shogi" || !move.squares.length) return move.name;
  if (["tic_tac_toe", "mnk", "gomoku"].includes(family)) {
    return squareName(family, height, 0, move.squares[0]);
  }
  return move.name;
}

function squareName(family, height, width, [row, column]) {
  const { columns, rows } = coordinates(family, height, Math.max(width, column + 1));
  return `${columns[column]}${rows[row]}`;
}

function coordinates(family, height, width) {
  const alphabet = "abcdefghijklmnopqrstuvwxyz";
  const letters = [...(family === "go" ? alphabet.replace("i", "") : alphabet)];
  const numbers = (count) => Array.from({ length: count }, (_, i) => `${i + 1}`);
  if (family === "connect_four") return { columns: numbers(width), rows: [] };
  if (family === "shogi") return { columns: numbers(width).reverse(), rows: letters };
  const down = ["othello", "hex", "tic_tac_toe", "mnk", "gomoku"].includes(family);
  const rows = numbers(height);
  return { columns: letters, rows: down ? rows : rows.reverse() };
}

function pieceName(family, content) {
  const sides = sidesOf(family);
  if (content === "") return "empty";
  if (content === "x" || content === "o") return sides[content === "x" ? 0 : 1].toLowerCase();
  const letter = content.replace("+", "").toLowerCase();
  const upper = content.replace("+", "") !== letter;
  const side = family === "chess" ? (upper ? "white" : "black") : upper ? "black" : "white";
  const promoted = content.startsWith("+") ? "promoted " : "";
  return `${side} ${promoted}${NAMES[family]?.[letter] ?? letter}`;
}

// Where cells are in the drawing.
class Geometry {
  constructor(family, height, width, flip) {
    this.hexagonal = family === "hex";
    this.height = height;
    this.width = width;
    this.flip = flip && TURNABLE.includes(family);
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
const polygon = (list, attributes) => svg("polygon", { points: points(list), ...attributes });
const circle = ([cx, cy], r, attributes) => svg("circle", { cx, cy, r, ...attributes });

function words(text, [x, y], size, attributes) {
  const style = size && `font-size: ${size}px`;
  const middle = { "text-anchor": "middle", "dominant-baseline": "central" };
  return svg("text", { x, y, style, ...middle, ...attributes }, text);
}

function ground(family, g, cells) {
  const drawn = [];
  const each = (f) => cells.forEach((row, r) => row.forEach((_, c) => drawn.push(f([r, c]))));
  const sheet = (kind, out = 0) =>
    svg("rect", {
      x: -out,
      y: -out,
      width: g.across + 2 * out,
      height: g.down + 2 * out,
      rx: out ? 6 : 2,
      class: `ground ${kind}`,
    });
  if (family === "connect_four") {
    drawn.push(sheet("plastic", 4));
    each((square) => circle(g.middle(square), 0.41 * UNIT, { class: "hole" }));
  } else if (ON_POINTS.includes(family)) {
    drawn.push(sheet("wood"));
    const [last, end] = [g.height - 1, g.width - 1];
    const line = (from, to) => {
      const [[x1, y1], [x2, y2]] = [g.middle(from), g.middle(to)];
      drawn.push(svg("line", { x1, y1, x2, y2, class: "ruled" }));
    };
    for (let row = 0; row <= last; row++) line([row, 0], [row, end]);
    for (let column = 0; column <= end; column++) line([0, column], [last, column]);
    const stars = family === "go" ? (STARS[g.height] ?? []) : [];
    for (const row of stars) {
      for (const column of stars) {
        drawn.push(circle(g.middle([row, column]), 0.09 * UNIT, { class: "star" }));
      }
    }
  } else if (family === "hex") {
    each((square) => polygon(g.corners(square), { class: "paper" }));
    drawn.push(...goals(g));
  } else if (family === "othello" || family === "shogi" || CROSSES.includes(family)) {
    const kind = { othello: "felt", shogi: "wood" }[family] ?? "plain";
    drawn.push(sheet(kind));
    each((square) => polygon(g.corners(square), { class: `cell-line ${kind}` }));
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

function labels(family, g) {
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

function piece(family, g, square, content) {
  const at = g.middle(square);
  if (content === "x" || content === "o") {
    const player = content === "x" ? 0 : 1;
    if (CROSSES.includes(family)) return cross(at, player);
    const stone = circle(at, 0.41 * UNIT, { class: `stone side-${player}` });
    const rim = circle(at, 0.3 * UNIT, { class: "rim" });
    return family === "connect_four" ? svg("g", {}, stone, rim) : stone;
  }
  const letter = content.replace("+", "");
  const upper = letter === letter.toUpperCase();
  if (family === "chess") {
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

function arrow(from, to, half, attributes) {
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
function heatMap(family, g, moves) {
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
    const round = ON_POINTS.includes(family) || family === "connect_four";
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

// The stones of a row that has won, or none.
function winningRow(family, cells, last) {
  const length = IN_A_ROW[family];
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

const same = (a, b) => a[0] === b[0] && a[1] === b[1];

// A board that `draw` fills. With `onMove(action)` it can be played on.
//
// draw({ family, position, legal, playable, heat, hint, flip }): a position as
// `/api/boards/positions` tells it; `heat`: moves with visits; `hint`: a move; `flip`: seen from
// the other side. The page also places `element`, and `list`: every legal move as a button.
export class Board {
  constructor({ label = "Board", onMove = null } = {}) {
    this.label = label;
    this.onMove = onMove;
    this.cursor = null;
    this.selected = null;
    this.listed = false;
    this.hands = [element("p", { class: "hand" }), element("p", { class: "hand" })];
    this.place = element("div", { class: "board-place" });
    const group = { class: "row choices", role: "group", "aria-label": "Which move" };
    this.choices = element("div", group);
    this.list = element("div", { class: "legal" });
    this.element = element(
      "div",
      { class: "board-box" },
      this.hands[1],
      this.place,
      this.hands[0],
      this.choices,
    );
  }

  draw(state) {
    this.state = state;
    this.selected = null;
    this.element.dataset.family = state.family;
    const { hands } = state.position;
    const order = state.flip ? [this.hands[1], this.hands[0]] : this.hands;
    order.forEach((hand, player) => {
      const held = hands[player];
      hand.replaceChildren(held ? `${sidesOf(state.family)[player]} holds ${held}` : "");
      hand.hidden = !held;
    });
    const chose = this.choices.contains(document.activeElement);
    this.choices.replaceChildren();
    this.paint();
    if (chose) this.focus();
    if (this.onMove) this.listMoves();
  }

  get playable() {
    return Boolean(this.onMove && this.state.playable);
  }

  focus() {
    this.place.querySelector("[tabindex='0']")?.focus();
  }

  paint() {
    const { family, position, heat, hint, flip } = this.state;
    const { cells, text, last, over, to_play: player } = position;
    const focused = this.place.contains(document.activeElement);
    if (cells === null) {
      const attributes = { class: "board-text", tabindex: 0, "aria-label": this.label };
      this.place.replaceChildren(element("pre", { ...attributes, role: "img" }, text));
      return;
    }
    const g = new Geometry(family, cells.length, cells[0].length, flip);
    this.g = g;
    this.cursor ??= [cells.length >> 1, cells[0].length >> 1];
    const top = g.hexagonal ? g.margin : 6;
    const side = coordinates(family, g.height, g.width).rows.length ? g.margin : 6;
    const stones = !["chess", "shogi"].includes(family);
    const hidden = { "aria-hidden": "true" }; // cells tell what they hold
    const drawing = svg("g", hidden, ground(family, g, cells), labels(family, g));
    if (!stones || CROSSES.includes(family)) {
      for (const square of last) drawing.append(polygon(g.corners(square), { class: "last" }));
    }
    if (this.selected) drawing.append(polygon(g.corners(this.selected), { class: "selected" }));
    const searched = heat?.length ? heatMap(family, g, heat) : { under: [], over: [] };
    drawing.append(...searched.under);
    cells.forEach((row, r) =>
      row.forEach((content, c) => {
        if (content) drawing.append(piece(family, g, [r, c], content));
      }),
    );
    if (stones && !CROSSES.includes(family)) {
      for (const square of last) {
        const content = cells[square[0]][square[1]];
        const whose = content === "x" ? "on-0" : content === "o" ? "on-1" : "on-none";
        drawing.append(circle(g.middle(square), 0.13 * UNIT, { class: `last-stone ${whose}` }));
      }
    }
    drawing.append(...searched.over);
    if (over) {
      for (const square of winningRow(family, cells, last)) {
        drawing.append(circle(g.middle(square), 0.44 * UNIT, { class: "winning" }));
      }
    }
    if (hint) drawing.append(...this.hinted(hint));
    for (const square of this.targets()) {
      drawing.append(circle(g.middle(square), 0.13 * UNIT, { class: "target" }));
    }
    this.ghost = circle([0, 0], 0.41 * UNIT, { class: `ghost side-${player}`, hidden: true });
    drawing.append(this.ghost);
    const box = [-side, -top, g.across + side + 6, g.down + top + (g.hexagonal ? 8 : g.margin + 2)];
    const attributes = { viewBox: box.join(" "), class: "board-svg" };
    // The board fills its place, but is never higher than the window.
    const ratio = (box[2] / box[3]).toFixed(4);
    attributes.style = `--ratio: ${ratio}; --font: ${g.font.toFixed(1)}px`;
    if (this.onMove) Object.assign(attributes, { role: "grid", "aria-label": this.label });
    else Object.assign(attributes, { role: "img", "aria-label": this.describe() });
    const board = svg("svg", attributes, drawing, this.onMove ? this.overlay() : null);
    this.place.replaceChildren(board);
    if (focused) this.focus();
  }

  describe() {
    const { family, position } = this.state;
    const { cells, last } = position;
    const count = cells.flat().filter(Boolean).length;
    const where = last.map((square) => this.cellName(square)).join(" to ");
    return `${this.label}: ${count} pieces${where ? `; last move ${where}` : ""}; ${family}`;
  }

  hinted({ squares }) {
    if (squares.length === 2) {
      const [from, to] = squares.map((square) => this.g.middle(square));
      return [arrow(from, to, 0.09 * UNIT, { class: "hint-arrow" })];
    }
    return squares.map((square) =>
      circle(this.g.middle(square), 0.38 * UNIT, { class: "hint" }),
    );
  }

  // Squares that deserve a dot: where the chosen piece may go, or where a stone may be set.
  targets() {
    if (!this.playable) return [];
    const { legal, family } = this.state;
    if (this.selected) {
      return legal
        .filter(({ squares }) => squares.length === 2 && same(squares[0], this.selected))
        .map(({ squares }) => squares[1]);
    }
    return family === "othello" && !this.state.heat ? legal.flatMap(({ squares }) => squares) : [];
  }

  // What can be pointed at and read aloud, above all that is drawn.
  overlay() {
    const { cells } = this.state.position;
    return cells.map((row, r) =>
      svg(
        "g",
        { role: "row" },
        row.map((_, c) => {
          const square = [r, c];
          return polygon(this.g.corners(square), {
            class: `cell${this.movesAt(square).length ? " live" : ""}`,
            role: "gridcell",
            tabindex: same(square, this.cursor) ? 0 : -1,
            "aria-label": this.cellLabel(square),
            "aria-selected": this.selected && same(square, this.selected) ? "true" : null,
            "data-square": `${r},${c}`,
            onclick: () => this.press(square),
            onkeydown: (event) => this.key(event, square),
            onpointerenter: () => this.hover(square),
            onpointerleave: () => this.ghost.setAttribute("hidden", ""),
          });
        }),
      ),
    );
  }

  cellName([row, column]) {
    const { family } = this.state;
    const { height, width } = this.g;
    if (family === "connect_four") return `column ${column + 1}, row ${height - row}`;
    return squareName(family, height, width, [row, column]);
  }

  cellLabel(square) {
    const { family, position } = this.state;
    const content = position.cells[square[0]][square[1]];
    return `${this.cellName(square)}, ${pieceName(family, content)}`;
  }

  // The legal moves that pressing a square could mean.
  movesAt(square) {
    if (!this.playable) return [];
    const { legal, family } = this.state;
    if (family === "connect_four") return legal.filter((move) => move.action === square[1]);
    return legal.filter(({ squares }) => squares.length && same(squares[0], square));
  }

  hover(square) {
    const [move] = this.movesAt(square);
    const { family } = this.state;
    if (!move || move.squares.length !== 1 || family === "shogi") return;
    const [cx, cy] = this.g.middle(move.squares[0]);
    this.ghost.setAttribute("cx", cx);
    this.ghost.setAttribute("cy", cy);
    this.ghost.removeAttribute("hidden");
  }

  press(square) {
    this.cursor = square;
    if (!this.playable) return;
    const onto = this.state.legal.filter(
      ({ squares }) =>
        this.selected &&
        squares.length === 2 &&
        same(squares[0], this.selected) &&
        same(squares[1], square),
    );
    const here = this.movesAt(square);
    if (onto.length) {
      this.choose(onto);
    } else if (here.some(({ squares }) => squares.length === 1)) {
      this.choose(here);
    } else {
      const again = this.selected && same(this.selected, square);
      this.selected = here.length && !again ? square : null;
      this.choices.replaceChildren();
      this.paint();
      this.place.querySelector(`[data-square="${square}"]`).focus();
    }
  }

  choose(moves) {
    if (moves.length === 1) {
      this.onMove(moves[0].action);
      return;
    }
    const button = (name, onclick) => element("button", { type: "button", onclick }, name);
    this.choices.replaceChildren(
      ...moves.map((move) => button(move.name, () => this.onMove(move.action))),
      button("Cancel", () => this.draw(this.state)),
    );
    this.choices.firstChild.focus();
  }

  key(event, [row, column]) {
    const turn = this.g.flip ? -1 : 1;
    const steps = {
      ArrowUp: [-turn, 0],
      ArrowDown: [turn, 0],
      ArrowLeft: [0, -turn],
      ArrowRight: [0, turn],
      Home: [0, -column],
      End: [0, this.g.width - 1 - column],
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.press([row, column]);
    } else if (event.key === "Escape" && this.selected) {
      this.draw(this.state);
    } else if (event.key in steps) {
      event.preventDefault();
      const [dr, dc] = steps[event.key];
      const to = this.place.querySelector(`[data-square="${row + dr},${column + dc}"]`);
      if (!to) return;
      for (const cell of this.place.querySelectorAll("[tabindex='0']")) {
        cell.setAttribute("tabindex", -1);
      }
      to.setAttribute("tabindex", 0);
      this.cursor = [row + dr, column + dc];
      to.focus();
    }
  }

  // Every legal move as a button; what happens on no square, such as a pass, is always shown.
  listMoves() {
    const { family, legal, position } = this.state;
    const height = position.cells?.length ?? 0;
    const button = (move) =>
      element(
        "button",
        { type: "button", onclick: () => this.onMove(move.action) },
        moveName(family, move, height),
      );
    // Who moves by these buttons finds the first of them again when it is their turn.
    this.listed ||= this.list.contains(document.activeElement);
    if (!this.playable) {
      this.list.hidden = true;
      return;
    }
    this.list.hidden = false;
    const placeless = legal.filter((move) => !move.squares.length);
    const open = this.list.querySelector("details")?.open ?? false;
    this.list.replaceChildren(
      element("div", { class: "row" }, placeless.map(button)),
      element(
        "details",
        { open },
        element("summary", {}, `Legal moves as a list (${legal.length})`),
        element("div", { class: "row" }, legal.filter((m) => m.squares.length).map(button)),
      ),
    );
    if (this.listed && document.activeElement === document.body) {
      this.list.querySelector("button")?.focus();
    }
    this.listed = false;
  }
}

const percent = (share) => `${Math.round(100 * share)}%`;

// What the players can expect, as a bar and in words.
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

// The moves of a principal variation as text.
export function lineText(family, line, height) {
  const names = line.map((move) => moveName(family, move, height).replace(/^column /, ""));
  const columns = names.length > 1 ? "columns " : "column ";
  return (family === "connect_four" ? columns : "") + names.join(" › ");
}

export const positionsOf = (game, maxPlies, moves, from = 0) => {
  const query = new URLSearchParams({ game, moves: moves.join(","), from });
  if (maxPlies) query.set("max_plies", maxPlies);
  return `boards/positions?${query}`;
};
