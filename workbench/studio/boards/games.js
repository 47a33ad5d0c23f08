// The families of board games: who plays, and how squares, pieces and moves are called.
import { get } from "../page/dom.js";

// The table from which the videos have their names, too.
const { games, other } = await get("boards/names");
const CHESS = ["chess", "antichess", "crazyhouse"];
const CHESSMEN = { k: "king", q: "queen", r: "rook", b: "bishop", n: "knight", p: "pawn" };
const PIECES = {
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

const spoken = (family) => (Object.hasOwn(games, family) ? games[family] : other);
// Whether the pieces are chessmen.
export const isChess = (family) => CHESS.includes(family);

// How player 0 and player 1 are called.
export const sidesOf = (family) => spoken(family).sides;

// A move as the board's own coordinates say it; OpenSpiel counts columns from 0.
export function moveName(family, move, height = 0) {
  const { moves } = spoken(family);
  if (moves === "last word") return move.name.split(" ").pop().toLowerCase();
  if (moves === "own" || !move.squares.length) return move.name;
  const [row, column] = move.squares[0];
  const { columns, rows } = coordinates(family, height, column + 1);
  if (column >= columns.length) return move.name; // beyond the alphabet
  return moves === "column" ? `column ${columns[column]}` : `${columns[column]}${rows[row]}`;
}

export function squareName(family, height, width, [row, column]) {
  const { columns, rows } = coordinates(family, height, Math.max(width, column + 1));
  return `${columns[column]}${rows[row]}`;
}

// What the columns are called from the left, and the rows from the top.
export function coordinates(family, height, width) {
  const told = spoken(family);
  const alphabet = "abcdefghijklmnopqrstuvwxyz";
  const letters = (told.columns === "letters without i" ? alphabet.replace("i", "") : alphabet);
  const numbers = (count) => Array.from({ length: count }, (_, i) => `${i + 1}`);
  const columns = told.columns.startsWith("numbers") ? numbers(width) : [...letters].slice(0, width);
  if (told.columns === "numbers from the right") columns.reverse();
  const rows = { letters: [...alphabet], none: [], down: numbers(height) };
  return { columns, rows: rows[told.rows] ?? numbers(height).reverse() };
}

export function pieceName(family, content) {
  const sides = sidesOf(family);
  if (content === "") return "empty";
  if (content === "x" || content === "o") return sides[content === "x" ? 0 : 1].toLowerCase();
  const letter = content.replace("+", "").toLowerCase();
  const upper = content.replace("+", "") !== letter;
  const side = isChess(family) ? (upper ? "white" : "black") : upper ? "black" : "white";
  const promoted = content.startsWith("+") ? "promoted " : "";
  return `${side} ${promoted}${PIECES[family]?.[letter] ?? letter}`;
}

// The moves of a principal variation as text.
export function lineText(family, line, height) {
  const names = line.map((move) => moveName(family, move, height).replace(/^column /, ""));
  const columns = names.length > 1 ? "columns " : "column ";
  return (family === "connect_four" ? columns : "") + names.join(" › ");
}
