// The families of board games: who plays, and how squares, pieces and moves are called.

const BLACK_AND_WHITE = ["Black", "White"];
const SIDES = {
  tic_tac_toe: ["X", "O"],
  mnk: ["X", "O"],
  connect_four: ["Red", "Yellow"],
  hex: ["Red", "Blue"],
  clobber: ["White", "Black"],
};
const CHESS = ["chess", "antichess", "crazyhouse"];
const GO = ["go", "cursor_go"];
const OTHERS = ["shogi", "othello", "gomoku", "breakthrough", "lines_of_action"];
const KNOWN = [...CHESS, ...GO, ...OTHERS];
const CHESSMEN = { k: "king", q: "queen", r: "rook", b: "bishop", n: "knight", p: "pawn" };
const NAMES = {
  chess: CHESSMEN,
  antichess: CHESSMEN,
  crazyhouse: CHESSMEN,
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

// Whether the pieces are chessmen.
export const isChess = (family) => CHESS.includes(family);

// How player 0 and player 1 are called.
export function sidesOf(family) {
  if (family in SIDES) return SIDES[family];
  return KNOWN.includes(family) ? BLACK_AND_WHITE : ["Player 1", "Player 2"];
}

// A move as the board's own coordinates say it; OpenSpiel counts columns from 0.
export function moveName(family, move, height = 0) {
  if (family === "connect_four") return `column ${move.action + 1}`;
  if (family === "go") return move.name.split(" ").pop().toLowerCase();
  if (isChess(family) || family === "shogi" || !move.squares.length) return move.name;
  if (["tic_tac_toe", "mnk", "gomoku"].includes(family)) {
    return squareName(family, height, 0, move.squares[0]);
  }
  return move.name;
}

export function squareName(family, height, width, [row, column]) {
  const { columns, rows } = coordinates(family, height, Math.max(width, column + 1));
  return `${columns[column]}${rows[row]}`;
}

export function coordinates(family, height, width) {
  const alphabet = "abcdefghijklmnopqrstuvwxyz";
  const letters = [...(GO.includes(family) ? alphabet.replace("i", "") : alphabet)];
  const numbers = (count) => Array.from({ length: count }, (_, i) => `${i + 1}`);
  if (family === "connect_four") return { columns: numbers(width), rows: [] };
  if (family === "shogi") return { columns: numbers(width).reverse(), rows: letters };
  const down = ["othello", "hex", "tic_tac_toe", "mnk", "gomoku"].includes(family);
  const rows = numbers(height);
  return { columns: letters, rows: down ? rows : rows.reverse() };
}

export function pieceName(family, content) {
  const sides = sidesOf(family);
  if (content === "") return "empty";
  if (content === "x" || content === "o") return sides[content === "x" ? 0 : 1].toLowerCase();
  const letter = content.replace("+", "").toLowerCase();
  const upper = content.replace("+", "") !== letter;
  const side = isChess(family) ? (upper ? "white" : "black") : upper ? "black" : "white";
  const promoted = content.startsWith("+") ? "promoted " : "";
  return `${side} ${promoted}${NAMES[family]?.[letter] ?? letter}`;
}

// The moves of a principal variation as text.
export function lineText(family, line, height) {
  const names = line.map((move) => moveName(family, move, height).replace(/^column /, ""));
  const columns = names.length > 1 ? "columns " : "column ";
  return (family === "connect_four" ? columns : "") + names.join(" › ");
}
