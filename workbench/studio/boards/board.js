// Any board, drawn from the contents of its cells and playable by mouse, touch or keys.
import { withQuery } from "../page/address.js";
import {
  Geometry,
  UNIT,
  arrow,
  circle,
  ground,
  heatMap,
  labels,
  piece,
  polygon,
  winningRow,
} from "./drawing.js";
import { coordinates, factsOf, moveName, pieceName, sidesOf, squareName } from "./games.js";
import { element, svg } from "../page/dom.js";

const same = (a, b) => a[0] === b[0] && a[1] === b[1];

// A board that `draw` fills. With `onMove(action)` it can be played on.
//
// draw({ family, inARow, position, legal, playable, heat, hint, flip }): a position as
// `api/boards/positions` tells it, with its `in_a_row`; `heat`: moves with visits; `hint`: a move; `flip`: seen from
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
    const below = factsOf(state.family).below ?? 0;
    const isReversed = (below === 1) !== Boolean(state.flip);
    const order = isReversed ? [this.hands[1], this.hands[0]] : this.hands;
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
    const { pieces } = factsOf(family);
    const hidden = { "aria-hidden": "true" }; // cells tell what they hold
    const drawing = svg("g", hidden, ground(family, g, cells), labels(family, g));
    if (pieces !== "stones") {
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
    if (pieces === "stones") {
      for (const square of last) {
        const content = cells[square[0]][square[1]];
        const whose = content === "x" ? "on-0" : content === "o" ? "on-1" : "on-none";
        drawing.append(circle(g.middle(square), 0.13 * UNIT, { class: `last-stone ${whose}` }));
      }
    }
    drawing.append(...searched.over);
    if (over) {
      for (const square of winningRow(this.state.inARow, cells, last)) {
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
    const marked = factsOf(family).marks_legal && !this.state.heat;
    return marked ? legal.flatMap(({ squares }) => squares) : [];
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
    if (factsOf(family).moves === "column") return `column ${column + 1}, row ${height - row}`;
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
    if (factsOf(family).moves === "column") {
      return legal.filter(({ squares }) => squares[0][1] === square[1]);
    }
    return legal.filter(({ squares }) => squares.length && same(squares[0], square));
  }

  hover(square) {
    const [move] = this.movesAt(square);
    const { family } = this.state;
    if (!move || move.squares.length !== 1 || factsOf(family).hands) return;
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

// Asks for the positions of a game after each of its moves, from the move number `from` on.
export const positionsOf = (game, maxPlies, moves, from = 0) =>
  withQuery("boards/positions", { game, moves: moves.join(","), from, max_plies: maxPlies });

// A board, and beside it (on a phone below) what is told of it.
export function boardLayout(family, board, ...told) {
  return element(
    "div",
    { class: "board-layout", "data-family": family },
    element("div", { class: "board-side" }, board.element),
    element("div", { class: "board-side" }, told),
  );
}
